// Rounds of all-reduces by several contestants, each a group of processes that take turns with the others.
import { Contestant, has, median, path, python } from '../contestant.mjs';

const own = ({ self, addresses }) => [process.execPath, path('allreduce/stillhouse.mjs'), self, addresses.join(',')];

/** How each contestant's process with an index is started, given the addresses (host:port) of all, and a file. */
const programs = {
  stillhouse: own,
  'stillhouse by sockets': own,
  ...(has('torch')
    ? { gloo: ({ self, addresses, store }) => [python, path('allreduce/gloo.py'), self, addresses.length, store] }
    : {}),
};
const envOf = { 'stillhouse by sockets': { STILLHOUSE_SHARED_MEMORY: 'off' } };
export const contestantNames = Object.keys(programs);

/** Below the ports that the system gives to connections. */
let port = 10_000 + (process.pid % 20_000);

/** Addresses of this machine, host:port. */
export const addressesHere = (count) => Array.from({ length: count }, () => `127.0.0.1:${port++}`);

/** Starts one process per address; `within` is how the process with an index is started. */
export async function startGroup(name, { addresses, store, within = () => [], env = {} }) {
  const processes = addresses.map((_, self) => {
    const program = programs[name]({ self, addresses, store }).map(String);
    return new Contestant(`${name} ${self}`, [...within(self), ...program], { ...env, ...envOf[name] });
  });
  await Promise.all(processes.map((each) => each.line()));
  return processes;
}

/** What the processes of one group measure in one round. */
async function measure(processes, bytes, budgetBytes) {
  const iterations = Math.max(3, Math.min(200, Math.round(budgetBytes / bytes)));
  // All must be linked before the first one begins.
  if (processes[0].name.startsWith('stillhouse'))
    await Promise.all(processes.map((each) => each.ask(`link ${bytes / 4}`)));
  const results = await Promise.all(processes.map((each) => each.ask(`${bytes / 4} ${iterations}`)));
  return {
    ms: median(results.map(({ ms }) => median(ms))),
    cpuMs: median(results.map(({ cpuMs }) => cpuMs)),
  };
}

/** The measurements of each group, by name: one per round. `budgetBytes` is what a round reduces in all. */
export async function measureRounds(groups, { bytes, rounds, budgetBytes = 2e8 }) {
  const names = Object.keys(groups);
  const measured = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++)
    for (const name of round % 2 ? names.toReversed() : names)
      measured[name].push(await measure(groups[name], bytes, budgetBytes));
  return measured;
}

/** Bytes that each process sends in an all-reduce that sends no more than it must. */
export const sentBytesOf = (bytes, processes) => 2 * ((processes - 1) / processes) * bytes;

/** Milliseconds, bus bandwidth in GB/s, and seconds of the processor per GB and process. */
export function cellsOf(measured, bytes, processes) {
  const ms = median(measured.map((round) => round.ms));
  const cpu = (1e6 * median(measured.map(({ cpuMs }) => cpuMs))) / bytes;
  return [ms.toFixed(3), (sentBytesOf(bytes, processes) / ms / 1e6).toFixed(3), cpu.toFixed(2)];
}

export const sized = (bytes) => (bytes >= 2 ** 20 ? `${bytes / 2 ** 20} MiB` : `${bytes / 1024} KiB`);
