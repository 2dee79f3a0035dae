// all-reduce next to Gloo, on one machine: interleaved rounds in one run, medians.
//   npm run bench -- allreduce [--processes 2,4] [--bytes 4096,65536,…] [--rounds 5]
// Needs PyTorch in .venv for Gloo; without it only Stillhouse is measured. `links` measures hosts of their own.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  addressesHere,
  cellsOf,
  contestantNames as names,
  measureRounds,
  sized,
  startGroup,
} from './allreduce/rounds.mjs';
import { commandLine, countOf, printHead, printRow, ratios } from './training/figures.mjs';
import { scratchFolder } from './training/processes.mjs';

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    processes: { type: 'string', default: '2,4' },
    bytes: { type: 'string', default: '4096,65536,1048576,10485760,41943040,104857600' },
    rounds: { type: 'string', default: '5' },
  },
});
const rounds = Number(values.rounds);
const folder = scratchFolder();
/** Workers of one host share memory unless the environment turns that off. */
const own = names.includes('gloo') ? names.filter((name) => name !== 'gloo') : [];

console.log(commandLine());
for (const count of countOf(values.processes)) {
  const groups = {};
  for (const name of names)
    groups[name] = await startGroup(name, { addresses: addressesHere(count), store: join(folder, `store-${count}`) });
  console.log(
    `\n${count} processes: milliseconds of an all-reduce, median of ${rounds} rounds; bus bandwidth; seconds of the ` +
      `processor per GB and process; times Gloo's bandwidth (range)\n`,
  );
  printHead([
    'bytes',
    ...names.flatMap((name) => [`${name}, ms`, 'GB/s', 's/GB']),
    ...own.map((name) => `${name}, times Gloo's bandwidth`),
  ]);
  for (const bytes of countOf(values.bytes)) {
    const measured = await measureRounds(groups, { bytes, rounds });
    const ms = (name) => measured[name].map((round) => round.ms);
    printRow([
      sized(bytes),
      ...names.flatMap((name) => cellsOf(measured[name], bytes, count)),
      ...own.map((name) => ratios(ms('gloo'), ms(name))),
    ]);
  }
  for (const each of Object.values(groups).flat()) each.end();
}
process.exit();
