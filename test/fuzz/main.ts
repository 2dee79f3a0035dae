// npm run fuzz -- [--inputs 10000] [--from 0] [--only NAME]: damages files of every format, and checks that each either
// is read or refused with a code: no crash, no bug, no hang, no number that is not finite.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { formats } from './formats.js';

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '10000' },
    from: { type: 'string', default: '0' },
    only: { type: 'string' },
  },
});
const chosen = formats.filter(({ name }) => values.only === undefined || name === values.only);
const perFormat = Math.ceil(Number(values.inputs) / chosen.length);
/** An input that takes longer hangs. */
const patienceMs = 20_000;

interface Told {
  readonly input: number;
  readonly outcome?: string;
  readonly ms?: number;
}

const problems: string[] = [];
let total = 0;

/** Returns the first input that has not been tried. */
async function tryInputs(name: string, first: number, count: number, counts: Map<string, number>): Promise<number> {
  const child = spawn(
    process.execPath,
    [
      // How this process finds the packages: built, or as sources.
      ...process.execArgv,
      fileURLToPath(new URL('damage.ts', import.meta.url)),
      name,
      String(first),
      String(count),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let last = first;
  let isDone = true;
  let timer: NodeJS.Timeout | undefined;
  const ended = new Promise<string>((resolve) => child.on('close', (code, signal) => resolve(signal ?? String(code))));
  for await (const line of createInterface({ input: child.stdout })) {
    const { input, outcome } = JSON.parse(line) as Told;
    clearTimeout(timer);
    timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
    last = input;
    isDone = outcome !== undefined;
    if (outcome === undefined) continue;
    total += 1;
    if (/^bug|not finite/.test(outcome)) problems.push(`${name}, input ${input}: ${outcome}`);
    counts.set(outcome.split(':')[0], (counts.get(outcome.split(':')[0]) ?? 0) + 1);
  }
  clearTimeout(timer);
  const how = await ended;
  if (!isDone || how !== '0') problems.push(`${name}, input ${last}: the process ended with ${how}`);
  return isDone && how === '0' ? first + count : last + 1;
}

for (const { name } of chosen) {
  const counts = new Map<string, number>();
  const end = Number(values.from) + perFormat;
  for (let next = Number(values.from), tries = 0; next < end && tries < 100; tries++)
    next = await tryInputs(name, next, end - next, counts);
  console.log(
    `${name.padEnd(14)} ${[...counts]
      .sort(([, a], [, b]) => b - a)
      .map(([outcome, count]) => `${outcome} ${count}`)
      .join(', ')}`,
  );
}
for (const problem of problems) console.log(problem);
console.log(`${total} inputs, ${problems.length} problems`);
process.exit(problems.length > 0 ? 1 : 0);
