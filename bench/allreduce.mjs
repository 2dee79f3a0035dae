// all-reduce next to Gloo, on one machine: interleaved rounds in one run, medians.
//   npm run bench -- allreduce [--worlds 2,4] [--bytes 4096,65536,…] [--rounds 5]
// Needs PyTorch in .venv for Gloo; without it only Stillhouse is measured.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Contestant, has, median, path, python } from './contestant.mjs';

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    worlds: { type: 'string', default: '2,4' },
    bytes: { type: 'string', default: '4096,65536,1048576,10485760,41943040,104857600' },
    rounds: { type: 'string', default: '5' },
  },
});
const sizes = values.bytes.split(',').map(Number);
const folder = mkdtempSync(join(tmpdir(), 'stillhouse-bench-'));
let port = 20_000 + (process.pid % 20_000);

const programs = {
  stillhouse: (self, world) => [process.execPath, path('allreduce/stillhouse.mjs'), self, world, port],
  ...(has('torch')
    ? { gloo: (self, world) => [python, path('allreduce/gloo.py'), self, world, join(folder, `store-${world}`)] }
    : {}),
};

/** What each of the processes measures in one round. */
async function measure(processes, bytes) {
  const iterations = Math.max(5, Math.min(200, Math.round(2e8 / bytes)));
  // All must be linked before the first one begins.
  if (processes[0].name.startsWith('stillhouse'))
    await Promise.all(processes.map((each) => each.ask(`link ${bytes / 4}`)));
  const results = await Promise.all(processes.map((each) => each.ask(`${bytes / 4} ${iterations}`)));
  return {
    ms: median(results.map(({ ms }) => median(ms))),
    cpuMs: median(results.map(({ cpuMs }) => cpuMs)),
  };
}

const sized = (bytes) => (bytes >= 2 ** 20 ? `${bytes / 2 ** 20} MiB` : `${bytes / 1024} KiB`);

for (const world of values.worlds.split(',').map(Number)) {
  const groups = Object.fromEntries(
    Object.entries(programs).map(([name, program]) => [
      name,
      Array.from({ length: world }, (_, self) => new Contestant(`${name} ${self}`, program(self, world).map(String))),
    ]),
  );
  port += world;
  for (const processes of Object.values(groups)) await Promise.all(processes.map((each) => each.line()));
  console.log(
    `${world} processes: milliseconds of an all-reduce, median of ${values.rounds} rounds; bus bandwidth; seconds of ` +
      `the processor per GB and process\n`,
  );
  const names = Object.keys(groups);
  console.log(
    `| bytes | ${names.map((name) => `${name}, ms | GB/s | s/GB`).join(' | ')} | times Gloo's bandwidth |\n` +
      `| --- |${' --- |'.repeat(3 * names.length + 1)}`,
  );
  for (const bytes of sizes) {
    const rounds = Object.fromEntries(names.map((name) => [name, []]));
    for (let round = 0; round < Number(values.rounds); round++)
      for (const name of round % 2 ? names.toReversed() : names) rounds[name].push(await measure(groups[name], bytes));
    const ms = (name) => median(rounds[name].map((round) => round.ms));
    const cells = names.map((name) => {
      const bus = (2 * ((world - 1) / world) * bytes) / ms(name) / 1e6;
      const cpu = (1e6 * median(rounds[name].map(({ cpuMs }) => cpuMs))) / bytes;
      return `${ms(name).toFixed(3)} | ${bus.toFixed(2)} | ${cpu.toFixed(2)}`;
    });
    const ratio =
      'gloo' in rounds ? median(rounds.gloo.map(({ ms: theirs }, i) => theirs / rounds.stillhouse[i].ms)) : NaN;
    console.log(`| ${sized(bytes)} | ${cells.join(' | ')} | ${ratio.toFixed(2)} |`);
  }
  console.log();
  for (const processes of Object.values(groups)) for (const each of processes) each.end();
}
rmSync(folder, { recursive: true });
