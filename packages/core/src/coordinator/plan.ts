// Which workers take part in the next generation, which ranks each holds, and which gets its state from which: a pure
// decision from what all workers have reported. It cannot change the result.
import type { PhaseName } from '../job/phase-name.js';
import type { Span } from '../collective/tree.js';
import type { Held } from '../wire/messages.js';
import { costsOf, dealRanks } from '../collective/assignment.js';

export interface Candidate {
  readonly workerId: string;
  readonly held: Held | undefined;
  readonly leaving: boolean;
  /** Milliseconds that one rank's micro-batch takes on it, if known. */
  readonly rankMs: number | undefined;
}

export interface PlanQuestion {
  readonly phase: PhaseName;
  readonly ranks: number;
  /** In the order of the previous generation, followed by new workers. */
  readonly candidates: readonly Candidate[];
  readonly minWorkers: number;
  /** The newest checkpoint of the phase. */
  readonly checkpoint: { readonly ops: number; readonly sha256: string } | undefined;
}

export interface Heal {
  /** Indices of members. */
  readonly to: number;
  readonly from: number;
}

export type Plan =
  | { readonly type: 'wait'; readonly reason: string }
  | {
      readonly type: 'resume';
      readonly ops: number;
      readonly members: readonly { readonly workerId: string; readonly ranks: Span }[];
      readonly heals: readonly Heal[];
      readonly checkpoint: string | undefined;
      readonly reason: string;
    };

/** Distillation runs on one worker; the other workers wait. */
export const isOnOneNode = (phase: PhaseName): boolean => phase !== 'teacher';

/** How many workers a phase needs. */
export const workersNeeded = (phase: PhaseName, minWorkers: number): number => (isOnOneNode(phase) ? 1 : minWorkers);

export function planGeneration({ phase, ranks, candidates, minWorkers, checkpoint }: PlanQuestion): Plan {
  const able = candidates.filter((candidate) => !candidate.leaving);
  const [first] = able;
  const needed = workersNeeded(phase, minWorkers);
  if (!first || able.length < needed)
    return {
      type: 'wait',
      reason: `${needed - able.length} more ${needed - able.length === 1 ? 'worker' : 'workers'}`,
    };
  const opsOf = ({ held }: Candidate): number => (held?.phase === phase ? held.ops : -1);
  const newest = Math.max(...candidates.map(opsOf));
  const fromCheckpoint = checkpoint !== undefined && checkpoint.ops > newest;
  const ops = fromCheckpoint ? checkpoint.ops : Math.max(newest, 0);
  const isWhole = (candidate: Candidate): boolean => !fromCheckpoint && (opsOf(candidate) === ops || ops === 0);
  const hosts = isOnOneNode(phase) ? [able.find(isWhole) ?? first] : able;
  // A worker that leaves hands over first, if no other is as far.
  const donor = !fromCheckpoint && ops > 0 && !hosts.some(isWhole) ? candidates.find(isWhole) : undefined;
  const members = donor ? [...hosts, donor] : hosts;
  const spans = dealRanks(ranks, costsOf(hosts.map(({ rankMs }) => rankMs)));
  const whole = members.flatMap((member, index) => (isWhole(member) ? [index] : []));
  const behind = fromCheckpoint ? [] : members.flatMap((member, index) => (isWhole(member) ? [] : [index]));
  const where = fromCheckpoint
    ? `from the checkpoint at operation ${ops}`
    : ops === 0
      ? 'from the start'
      : `at operation ${ops}`;
  return {
    type: 'resume',
    ops,
    members: members.map(({ workerId }, index) => ({ workerId, ranks: spans[index] ?? { lo: ranks, hi: ranks } })),
    heals: behind.map((to, i) => ({ to, from: whole[i % whole.length]! })),
    checkpoint: fromCheckpoint ? checkpoint.sha256 : undefined,
    reason: `${where}${behind.length ? `, ${behind.length} healed by a peer` : ''}`,
  };
}
