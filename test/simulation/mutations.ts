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
    bug: 'partial sums are added from left to right',
    file: 'packages/core/src/collective/segment-sum.ts',
    find: 'sum: sumOf(node, root.target.subarray(lo - root.first, hi - root.first)),',
    replace:
      'sum: typeof node === "number" ? sumOf(node, scratch[0]!) : this.leaves.filter(({ span }) => ' +
      'root.span.lo <= span.lo && span.hi <= root.span.hi).reduce((sum, { sum: each, first }) => { ' +
      'each.subarray(lo - first, hi - first).forEach((value, i) => (sum[i]! += value)); return sum; }, ' +
      'root.target.subarray(lo - root.first, hi - root.first).fill(0)),',
  },
  {
    bug: 'nobody waits for spares',
    file: 'packages/core/src/collective/collective.ts',
    find: 'if (isOwn && this.#current.marks.size < this.#spares.length) return outgoing;',
    replace: 'if (isOwn && this.#current.marks.size < 0) return outgoing;',
  },
  {
    bug: 'a relay sends a sum before all members of its host have added to it',
    file: 'packages/core/src/collective/collective.ts',
    find: 'if (lacking[chunk]! > 0 || summed[chunk])',
    replace: 'if ((isOwn && lacking[chunk]! > 0) || summed[chunk])',
  },
  {
    bug: 'a relay keeps finished segments for itself after the first step',
    file: 'packages/core/src/collective/collective.ts',
    find: 'return isNew ? this.#handOn(run) : [];',
    replace: 'return isNew && this.#op % 2 === 0 ? this.#handOn(run) : [];',
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
    find: 'isAlone: members.length === 1,',
    replace: 'isAlone: isSameSpan(members[self]!, { lo: 0, hi: ranks }),',
  },
  {
    bug: 'a chunk is summed before all partial sums of it are there',
    file: 'packages/core/src/collective/collective.ts',
    find: 'if (lacking[chunk]! > 0 || summed[chunk])',
    replace: 'if (lacking.every((each) => each > 0) || summed[chunk])',
  },
  {
    bug: 'a chunk that comes twice counts twice',
    file: 'packages/core/src/collective/inbox.ts',
    find: 'return this.#reduced[chunk] !== 0;',
    replace: 'return this.#reduced[chunk] !== 0 && (this.#unreduced -= 1) > -1;',
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
    bug: 'a partial sum that comes twice counts for one that is missing',
    file: 'packages/core/src/collective/collective.ts',
    find: 'if (sum.isThere(inbox.arrivals[i]!, leaf, run.first)) return undefined;',
    replace:
      'if (sum.isThere(inbox.arrivals[i]!, leaf, run.first)) ' +
      'return void (inbox.arrivals[i]!.lacking[run.first]! -= 1);',
  },
  {
    bug: 'a partial sum counts when the first bytes of its chunk are there',
    file: 'packages/core/src/collective/collective.ts',
    find: 'const { sum: numbers, first, coded } = sum.leaves[leaf]!;',
    replace:
      'const { sum: numbers, first, coded } = sum.leaves[leaf]!; sum.arrive(inbox.arrivals[i]!, leaf, run.first);',
  },
  {
    bug: 'a finished chunk counts when its first bytes are there',
    file: 'packages/core/src/collective/collective.ts',
    find: 'const chunk = this.#chunkOf(owner, first);',
    replace: 'const chunk = this.#chunkOf(owner, first); inbox.reduce(this.#chunks.numberOf(owner, first));',
  },
  {
    bug: 'every chunk of a partial sum is put at the beginning of the segment',
    file: 'packages/core/src/collective/collective.ts',
    find: 'bytesOf(numbers.subarray(chunk.lo - first, chunk.hi - first))',
    replace: 'bytesOf(numbers.subarray(0, chunk.hi - chunk.lo))',
  },
  {
    bug: 'a mark of the next operation counts for this one',
    file: 'packages/core/src/collective/collective.ts',
    find: 'inbox.marks.add(from);',
    replace: 'this.#current.marks.add(from);',
  },
  {
    bug: 'what came for the next operation is forgotten',
    file: 'packages/core/src/collective/collective.ts',
    find: 'this.#current = this.#next;',
    replace: 'this.#current = this.#next; this.#next.clear();',
  },
  {
    bug: 'chunks of a finished operation count for a later one',
    file: 'packages/core/src/collective/inbox.ts',
    find: 'this.#reduced.fill(0);',
    replace: 'this.#reduced.fill(this.marks.size);',
  },
  {
    bug: 'sums of right children at all heights of the tree use one buffer',
    file: 'packages/core/src/collective/segment-sum.ts',
    find: 'scratch[node.height - 1]!.subarray',
    replace: 'scratch[0 * node.height]!.subarray',
  },
  {
    bug: 'a generation begins while the engine still works for the one before',
    file: 'packages/worker/src/run/engine-shell.ts',
    find: 'return this.#laterIn(effect.generation, async (engine) => hash(engine, effect));',
    replace: 'return this.options.dispatch(hash(this.#loaded, effect));',
  },
  {
    bug: 'a subtree is sent before it is summed',
    file: 'packages/worker/src/run/engine-shell.ts',
    find: 'return this.#laterIn(effect.generation, (engine) => this.#compute(engine, effect));',
    replace:
      'return this.#laterIn(effect.generation, (engine) => (effect.subtrees.length > 0 && ' +
      'this.options.dispatch({ type: "summed", ' +
      'generation: effect.generation, subtree: 0, ledgers: this.#taskOf(effect).ranks.map(({ rows }) => ' +
      'countRows(emptyLedger, rows)) }), this.#compute(engine, effect)));',
  },
  {
    bug: 'links of an earlier generation stay while their memory is used again',
    file: 'packages/worker/src/run/mesh.ts',
    find: 'if (generation >= before) continue;',
    replace: 'if (generation >= before || before > 0) continue;',
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
    bug: 'whoever is waited for in vain is waited for again and again',
    file: 'packages/core/src/coordinator/accusations.ts',
    find: 'breaks.get(pair)! < limits.breaksTolerated',
    replace: 'breaks.get(pair)! < 1e9 * limits.breaksTolerated',
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
    find: 'if (phase.epochs.length < epochs)',
    replace: 'if (phase.epochs.length < 0 * epochs)',
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
    bug: 'a round goes on beyond the end of its epoch',
    file: 'packages/core/src/order/schedule.ts',
    find: 'return Math.min(every, perEpoch - (step % perEpoch));',
    replace: 'return step % perEpoch < 0 ? 0 : every;',
  },
  {
    bug: 'a round counts as one step',
    file: 'packages/core/src/wire/training-state.ts',
    find: 'step: training.step + roundSteps(schedule, training.step),',
    replace: 'step: training.step + Math.min(1, roundSteps(schedule, training.step)),',
  },
  {
    bug: 'a round uses the rows of its first step again and again',
    file: 'packages/core/src/order/order.ts',
    find: 'order.rankRows({ step: at.step + i, rank: at.rank })',
    replace: 'order.rankRows({ step: at.step + 0 * i, rank: at.rank })',
  },
  {
    bug: 'after a round weights are stepped at the learning rate of a step',
    file: 'packages/core/src/job/job.ts',
    find: 'phase.sync ? phase.sync.outer.learningRate',
    replace: 'phase.sync ? phaseLearningRate(phase, step)',
  },
  {
    bug: 'a round is given up although its workers are still wanted',
    file: 'packages/worker/src/run/engine-shell.ts',
    find: 'isOver: () => generation < Number',
    replace: 'isOver: () => generation <= Number',
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
const timeoutMs = 600_000;
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
  const { signal, status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules/tsx/dist/cli.mjs'),
      '--conditions=@stillhouse/source',
      'test/simulation/main.ts',
      '--seeds',
      String(count),
      '--first',
    ],
    { cwd: copy, encoding: 'utf8', timeout: timeoutMs },
  );
  if (status === 0) return undefined;
  if (signal) throw new Error(`${count} seeds took longer than ${timeoutMs / 60_000} minutes: nothing is decided`);
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
