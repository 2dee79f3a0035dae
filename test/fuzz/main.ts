// npm run fuzz -- [--inputs 10000] [--from 0] [--only NAME]: damages files of every format, and checks that each either
// is read or refused with a code: no crash, no bug, no hang, no number that is not finite.
// npm run fuzz -- --frames 1000000 [--from 0]: sends what hostile peers would send (peers.ts) instead.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { formats } from './formats.js';

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '10000' },
    frames: { type: 'string' },
    from: { type: 'string', default: '0' },
    only: { type: 'string' },
  },
});
if (values.frames !== undefined) {
  const { PeerFuzz } = await import('./peers.js');
  const fuzz = new PeerFuzz();
  await fuzz.run(Number(values.frames), Number(values.from));
  for (const problem of fuzz.problems) console.log(problem);
  const { accepted, refused, sent } = fuzz.counts;
  console.log(
    `${accepted + refused} frames: ${accepted} accepted, ${refused} refused; ${sent} over sockets; the slowest took ` +
      `${fuzz.slowestMs.toFixed(1)} ms of processor time, ${Math.round(fuzz.mostBytes / 2 ** 20)} MiB more memory; ` +
      `${fuzz.problems.length} problems`,
  );
  process.exit(fuzz.problems.length > 0 ? 1 : 0);
}
const names = formats.map(({ name }) => name).filter((name) => values.only === undefined || name === values.only);
const perFormat = Math.ceil(Number(values.inputs) / names.length);
const from = Number(values.from);
const inputs = names.flatMap((name) => Array.from({ length: perFormat }, (_, i) => ({ name, input: from + i })));
/** An input that takes longer hangs. */
const patienceMs = 20_000;

interface Told {
  readonly outcome?: string;
}

const problems: string[] = [];
const counts = new Map(names.map((name) => [name, new Map<string, number>()]));
let tried = 0;

/** Tries inputs from `next` on in one process, until it has tried them all or dies; returns the first one left. */
async function tryFrom(next: number): Promise<number> {
  const child = spawn(
    process.execPath,
    // How this process finds the packages: built, or as sources.
    [...process.execArgv, fileURLToPath(new URL('damage.ts', import.meta.url))],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  // A process that has died reads no more.
  child.stdin.on('error', () => {});
  child.stdin.end(JSON.stringify(inputs.slice(next)));
  let isDone = true;
  let timer: NodeJS.Timeout | undefined;
  const ended = new Promise<string>((resolve) => child.on('close', (code, signal) => resolve(signal ?? String(code))));
  for await (const line of createInterface({ input: child.stdout })) {
    const { outcome } = JSON.parse(line) as Told;
    clearTimeout(timer);
    timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
    isDone = outcome !== undefined;
    if (outcome === undefined) continue;
    const { name, input } = inputs[next++];
    tried += 1;
    if (/^bug|not finite/.test(outcome)) problems.push(`${name}, input ${input}: ${outcome}`);
    const ofFormat = counts.get(name)!;
    ofFormat.set(outcome.split(':')[0], (ofFormat.get(outcome.split(':')[0]) ?? 0) + 1);
  }
  clearTimeout(timer);
  const how = await ended;
  if (isDone && how === '0') return inputs.length;
  // It died of the input that it had begun, or after the last one that it reported.
  const { name, input } = inputs[isDone ? Math.max(next - 1, 0) : next];
  problems.push(`${name}, input ${input}: the process ended with ${how}`);
  return isDone ? next : next + 1;
}

for (let next = 0, deaths = 0; next < inputs.length && deaths < 100; deaths++) next = await tryFrom(next);
for (const [name, outcomes] of counts)
  console.log(
    `${name.padEnd(14)} ${[...outcomes]
      .sort(([, a], [, b]) => b - a)
      .map(([outcome, count]) => `${outcome} ${count}`)
      .join(', ')}`,
  );
for (const problem of problems) console.log(problem);
console.log(`${tried} inputs, ${problems.length} problems`);
process.exit(problems.length > 0 ? 1 : 0);
