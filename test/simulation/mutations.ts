// Shows that the simulation bites: plants one bug at a time in a copy of the product, and demands that some seed fails.
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Mutation {
  readonly bug: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export const mutations: readonly Mutation[] = [
  {
    bug: 'partial sums are added in the order of arrival',
    file: 'packages/core/src/collective/collective.ts',
    find: 'const sum = this.#sumOf(this.#root, { lo, hi }, target);',
    replace:
      'const sum = new Float32Array(hi - lo); for (const each of this.#subtrees) each.sum.subarray(lo - each.first, ' +
      'hi - each.first).forEach((value, i) => (sum[i] += value));',
  },
  {
    bug: 'nobody waits for spares',
    file: 'packages/core/src/collective/collective.ts',
    find: 'if (lacking[chunk]! > 0 || marks.size < this.#spares.length) return [];',
    replace: 'if (lacking[chunk]! > 0 || marks.size < 0) return [];',
  },
  {
    bug: 'a partial sum that comes twice is added to the next operation',
    file: 'packages/core/src/collective/collective.ts',
    find: 'header.op < this.#op) return undefined;',
    replace: 'header.op < this.#op - 1) return undefined;',
  },
  {
    bug: 'one that holds all ranks sums in place while spares still read',
    file: 'packages/core/src/collective/collective.ts',
    find: 'const isAlone = members.length === 1;',
    replace: 'const isAlone = own.length === spans.length;',
  },
  {
    bug: 'a chunk is summed before all partial sums of it are there',
    file: 'packages/core/src/collective/collective.ts',
    find: 'if (lacking[chunk]! > 0 || marks',
    replace: 'if (lacking.every((each) => each > 0) || marks',
  },
  {
    bug: 'a chunk that comes twice counts twice',
    file: 'packages/core/src/collective/collective.ts',
    find: 'if (inbox.reduced[at]) return false;',
    replace: 'if (inbox.reduced[at] && chunk < 0) return false;',
  },
  {
    bug: 'only sums are rounded, and not the gradients of ranks',
    file: 'packages/core/src/collective/node-sums.ts',
    find: 'round: (leaf) => memory.round(format, leaf.subarray(0, count)),',
    replace: 'round: () => {},',
  },
  {
    bug: 'what is sent is rounded, and not every sum',
    file: 'packages/core/src/collective/coded-chunks.ts',
    find: 'chunk.lo < count) this.memory.round(format, sum);',
    replace: 'chunk.lo < 0) this.memory.round(format, sum);',
  },
  {
    bug: 'accounts are rounded like gradients',
    file: 'packages/core/src/collective/coding.ts',
    find: '{ format, count: gradients }',
    replace: '{ format, count: gradients + 1000 }',
  },
  {
    bug: 'coded chunks are received over each other',
    file: 'packages/core/src/collective/coded-chunks.ts',
    find: 'const at = codedBytes(format, lo - first);',
    replace: 'const at = 0;',
  },
  {
    bug: 'reports that were lost are not sent again',
    file: 'packages/core/src/worker/link.ts',
    find: 'if (!training || training.phase !== known.phase) return [];',
    replace: 'if (known) return [];',
  },
  {
    bug: 'an evaluation that was interrupted is left out',
    file: 'packages/core/src/wire/training-state.ts',
    find: 'training.epochs.length < training.step / stepsPerEpoch(schedule)',
    replace: 'training.epochs.length < training.step / stepsPerEpoch(schedule) && training.ops % 2 === 0',
  },
  {
    bug: 'the rows of a step are not accounted for',
    file: 'packages/core/src/wire/training-state.ts',
    find: 'ledger: addLedgers(training.ledger, done.ledger),',
    replace: 'ledger: training.step % 7 === 3 ? training.ledger : addLedgers(training.ledger, done.ledger),',
  },
  {
    bug: 'training goes on from the oldest state',
    file: 'packages/core/src/coordinator/plan.ts',
    find: 'const newest = Math.max(...candidates.map(opsOf));',
    replace: 'const newest = Math.min(...candidates.map(opsOf));',
  },
  {
    bug: 'whoever is behind is not healed',
    file: 'packages/core/src/coordinator/plan.ts',
    find: 'heals: behind.map((to, i) => ({ to, from: whole[i % whole.length]! })),',
    replace: 'heals: behind.slice(1).map((to, i) => ({ to, from: whole[i % whole.length]! })),',
  },
  {
    bug: 'the coordinator decides before all have said how far they are',
    file: 'packages/core/src/coordinator/membership-change.ts',
    find: 'if (!asked.every(({ workerId }) => membership.acknowledged.has(workerId)))',
    replace: 'if (!asked.some(({ workerId }) => membership.acknowledged.has(workerId)))',
  },
  {
    bug: 'a generation is used again',
    file: 'packages/core/src/coordinator/membership-change.ts',
    find: 'const generation = Math.max(state.generation, firstGenerationOf(state.options.term)) + 1;',
    replace: 'const generation = Math.max(state.generation, firstGenerationOf(state.options.term) + 1);',
  },
  {
    bug: 'members that are stuck are not linked anew',
    file: 'packages/core/src/coordinator/wanted-change.ts',
    find: 'if (!stuck || members.length === 0) return',
    replace: 'if (stuck || !stuck) return',
  },
  {
    bug: 'messages that were lost are not sent again',
    file: 'packages/core/src/coordinator/reminder.ts',
    find: 'if (!beat || nowMs - worker.instructedMs < limits.resendMs) return',
    replace: 'if (beat || nowMs - worker.instructedMs < limits.resendMs) return',
  },
  {
    bug: 'workers that say nothing are waited for',
    file: 'packages/core/src/coordinator/liveness.ts',
    find: 'if (silentMs > heartbeatTimeoutMs) {',
    replace: 'if (silentMs > 1e9) {',
  },
  {
    bug: 'a phase is done before all of its epochs are known',
    file: 'packages/core/src/coordinator/phase-reports.ts',
    find: 'if (phase.epochs.length < Math.ceil(lead.steps',
    replace: 'if (phase.epochs.length < 0 * Math.ceil(lead.steps',
  },
  {
    bug: 'a coordinator does not look whether it was replaced',
    file: 'packages/coordinator/src/run-coordinator.ts',
    find: 'const term = this.options.store.newestTerm();',
    replace: 'const term = 0;',
  },
  {
    bug: 'a coordinator that was replaced sends workers away',
    file: 'packages/core/src/coordinator/machine.ts',
    find: "if (state.ended === 'fenced') return",
    replace: "if (state.ended === 'fenced' && state.nextWorker < 0) return",
  },
  {
    bug: 'a coordinator that is started again forgets the tuned numbers',
    file: 'packages/core/src/coordinator/machine.ts',
    find: 'const job = options.history.tuned ? tunedJob(options.job, options.history.tuned) : options.job;',
    replace: 'const { job } = options;',
  },
  {
    bug: 'workers train the student without its tuned numbers',
    file: 'packages/core/src/worker/entering.ts',
    find: 'const job = tuned ? tunedJob(state.job, tuned) : state.job;',
    replace: 'const job = tuned ? state.job : tunedJob(state.job, {});',
  },
  {
    bug: 'the biases of a student that stopped early are not corrected',
    file: 'packages/core/src/wire/training-state.ts',
    find: 'correct: isOver && phase',
    replace: 'correct: last && phase',
  },
  {
    bug: 'checkpoints are not verified',
    file: 'packages/coordinator/src/run-coordinator.ts',
    find: 'if (checkpoint && (!bytes || sha256(bytes) !== hash)) {',
    replace: 'if (checkpoint && !bytes) {',
  },
  {
    bug: 'a block that another worker has no more is not asked for again',
    file: 'packages/worker/src/block/supply.ts',
    find: 'tries < limits.blockTries; tries++) yield',
    replace: 'tries < limits.blockTries && "bytes" in located; tries++) yield',
  },
  {
    bug: 'a worker that does not hand out its block is waited for',
    file: 'packages/worker/src/block/peers.ts',
    find: 'clock.after(limits.peerBlockMs,',
    replace: 'clock.after(1e9 + limits.peerBlockMs,',
  },
  {
    bug: 'the state changes while it is copied',
    file: 'packages/worker/src/run/engine-shell.ts',
    find: 'if (copying) await this.#untilCopied(copying);',
    replace: 'if (copying) void this.#untilCopied(copying);',
  },
  {
    bug: 'the state is copied before its last change',
    file: 'packages/worker/src/run/engine-shell.ts',
    find: 'await Promise.all([this.#changed, before]);',
    replace: 'await Promise.all([before]);',
  },
];

const seeds = 3000;
/** Seeds that must hold in the copy while there is no bug in it. */
const controlSeeds = 20;
const root = fileURLToPath(new URL('../..', import.meta.url));

/** A copy of the sources whose packages find each other and not the originals. */
function copyProject(): string {
  const copy = mkdtempSync(join(tmpdir(), 'stillhouse-mutations-'));
  const skipped = new Set(['dist', 'node_modules']);
  for (const name of ['packages', 'test'])
    cpSync(join(root, name), join(copy, name), {
      recursive: true,
      filter: (path) => !skipped.has(path.split('/').at(-1)!),
    });
  for (const name of ['package.json', 'tsconfig.base.json']) cpSync(join(root, name), join(copy, name));
  mkdirSync(join(copy, 'node_modules', '@stillhouse'), { recursive: true });
  for (const name of readdirSync(join(root, 'node_modules')))
    if (name !== '@stillhouse' && name !== 'stillhouse')
      symlinkSync(join(root, 'node_modules', name), join(copy, 'node_modules', name));
  for (const name of readdirSync(join(copy, 'packages'))) {
    symlinkSync(join(copy, 'packages', name), join(copy, 'node_modules', '@stillhouse', name));
    // Where npm puts dependencies of which another version is at the top.
    const own = join('packages', name, 'node_modules');
    if (existsSync(join(root, own))) symlinkSync(join(root, own), join(copy, own));
  }
  return copy;
}

/** The first seed that fails, as the simulation reports it; undefined if none does. */
function caughtBy(copy: string, count = seeds): string | undefined {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules/tsx/dist/cli.mjs'),
      '--conditions=@stillhouse/source',
      'test/simulation/main.ts',
      '--seeds',
      String(count),
      '--first',
    ],
    { cwd: copy, encoding: 'utf8', timeout: 300_000 },
  );
  if (status === 0) return undefined;
  return (
    /^seed .*$/m.exec(stdout)?.[0] ??
    `the simulation itself failed: ${
      stderr
        .trim()
        .split('\n')
        .find((line) => /Error/.test(line)) ?? `status ${status}`
    }`
  ).slice(0, 160);
}

/**
 * Plants every bug; reports for each which seed caught it.
 * @param only text that the bug must contain
 * @returns whether all were caught
 */
export async function plantMutations(only = ''): Promise<boolean> {
  const copy = copyProject();
  let missed = 0;
  try {
    const wrong = caughtBy(copy, controlSeeds);
    if (wrong !== undefined) throw new Error(`the copy fails without any bug: ${wrong}`);
    const chosen = mutations.filter(({ bug }) => bug.includes(only));
    for (const { bug, file, find, replace } of chosen) {
      const path = join(copy, file);
      const source = readFileSync(path, 'utf8');
      if (source.split(find).length !== 2)
        throw new Error(`the place of the bug "${bug}" is not to be found once in ${file}`);
      writeFileSync(
        path,
        source.replace(find, () => replace),
      );
      const seed = caughtBy(copy);
      writeFileSync(path, source);
      if (seed === undefined) missed += 1;
      console.log(
        `${seed === undefined ? 'MISSED' : 'caught'}: ${bug}${seed === undefined ? '' : `\n        ${seed}`}`,
      );
    }
    console.log(`${chosen.length - missed} caught, ${missed} missed`);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
  return missed === 0;
}
