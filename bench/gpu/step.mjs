// Steps of Stillhouse's engine. Per line on standard input, such as {"spec", "backend", "ranks", "isSplit",
// "precision", "steps"}, takes so many steps and prints the milliseconds of one.
import { createInterface } from 'node:readline';
import { engineStep } from '../step/engine-step.mjs';

const built = new Map();

/** The model is built for the first question about it. */
async function measure({ steps, spec, ...options }) {
  const key = JSON.stringify({ spec, options });
  if (!built.has(key)) {
    const notes = [];
    built.set(key, { notes, ...(await engineStep(spec, { ...options, report: (text) => notes.push(text) })) });
  }
  const { once, notes, fingerprint } = built.get(key);
  const startMs = performance.now();
  for (let i = 0; i < steps; i++) await once();
  return { ms: (performance.now() - startMs) / steps, notes, fingerprint };
}

for await (const line of createInterface({ input: process.stdin })) {
  const answer = await measure(JSON.parse(line)).catch(({ code, message }) => ({
    error: `${code ? `${code}: ` : ''}${message.split('\n')[0]}`,
  }));
  console.log(JSON.stringify(answer));
}
process.exit();
