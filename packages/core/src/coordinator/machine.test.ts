// What the coordinator decides when things go wrong. Whole runs are simulated in test/simulation.
import { describe, expect, test } from 'vitest';
import { limits } from '../error/limits.js';
import { parseRecipe } from '../recipe/parse.js';
import type { PhaseRecord } from '../job/run-record.js';
import { emptyLedger, wholeLedger } from '../order/ledger.js';
import { membersToLeaveOut } from './accusations.js';
import { coordinatorTransition, initialCoordinatorState } from './machine.js';
import type {
  CoordinatorEffect,
  CoordinatorEvent,
  CoordinatorNotice,
  CoordinatorOptions,
  CoordinatorState,
} from './state.js';
import { emptyHistory } from './journal.js';
import { protocolVersion, type Held, type ToCoordinator, type ToWorker } from '../wire/messages.js';
import { job, recipe, set, sha, source } from './small-job.test.fixture.js';

/** A hundred epochs of one step. */
const longJob = {
  ...job,
  recipe: { ...recipe, teacher: { ...recipe.teacher, epochs: 100 } as typeof recipe.teacher },
};

class Coordinator {
  state: CoordinatorState;
  effects: CoordinatorEffect[] = [];
  now = 0;

  constructor(workers: number, change: Partial<CoordinatorOptions> = {}) {
    this.state = initialCoordinatorState(
      {
        job: longJob,
        token: 't',
        meshToken: 'm',
        workers,
        minWorkers: 1,
        allowMixed: false,
        joinTimeoutMs: 30_000,
        heartbeatTimeoutMs: 10_000,
        checkpointEveryMs: Infinity,
        term: 1,
        history: emptyHistory,
        ...change,
      },
      0,
    );
  }

  on(event: CoordinatorEvent): this {
    const { state, effects } = coordinatorTransition(this.state, event, this.now);
    this.state = state;
    this.effects = [...effects];
    return this;
  }

  message(link: number, message: ToCoordinator): this {
    return this.on({ type: 'message', link, message });
  }

  hello(link: number, change: object = {}): this {
    return this.message(link, {
      type: 'hello',
      protocol: protocolVersion,
      version: '0',
      token: 't',
      host: `h${link}`,
      instance: `i${link}`,
      term: 0,
      ...change,
    });
  }

  join(link: number, change: object = {}): this {
    return this.hello(link).joinAgain(link, change);
  }

  joinAgain(link: number, change: object = {}): this {
    return this.message(link, {
      type: 'join',
      fingerprint: 'engine',
      choice: 'toy: as requested',
      meshAddress: `mesh${link}`,
      generation: 0,
      leaving: false,
      ...change,
    });
  }

  /** Joins a run under way: the members and the newcomer try to reach each other first. */
  joinLate(link: number, reached = 1): this {
    return this.join(link).answerProbe(link, reached);
  }

  /** @param reached whether the members reach it; the newcomer itself reaches all */
  answerProbe(newcomer: number, reached = 1): this {
    const { probe } = this.state.workers.get(newcomer)!;
    for (const asked of [...this.state.workers.values()].filter(({ workerId }) => probe!.asked.includes(workerId)))
      this.message(asked.link, {
        type: 'probed',
        id: probe!.id,
        reached: asked.link === newcomer ? probe!.asked.length - 1 : reached,
      });
    return this;
  }

  paused(link: number, held?: Held): this {
    return this.message(link, { type: 'paused', generation: this.state.generation, ...(held ? { held } : {}) });
  }

  ready(link: number, state = sha('1')): this {
    return this.message(link, {
      type: 'ready',
      generation: this.state.generation,
      ops: 0,
      parameters: 2,
      stateSha256: state,
      weightsSha256: state,
    });
  }

  beat(link: number, change: object = {}): this {
    return this.message(link, {
      type: 'heartbeat',
      generation: this.state.generation,
      stage: 'running',
      busy: false,
      progress: 1,
      waitingFor: [],
      ...change,
    });
  }

  /** Two workers at work. */
  running(): this {
    return this.join(1).join(2).paused(1).paused(2).ready(1).ready(2);
  }

  /** Time passes, with its ticks, up to just before then; some workers go on saying that they live. */
  tick(untilMs: number, ...alive: number[]): this {
    for (; this.now + 500 < untilMs; this.now += 500) {
      for (const link of alive) this.beat(link);
      this.on({ type: 'tick' });
    }
    this.now = untilMs;
    return this;
  }

  sent(link: number): ToWorker[] {
    return this.effects.flatMap((effect) => (effect.type === 'send' && effect.link === link ? [effect.message] : []));
  }

  notices<Type extends CoordinatorNotice['type']>(type: Type): Extract<CoordinatorNotice, { type: Type }>[] {
    return this.effects.flatMap((effect) =>
      effect.type === 'notify' && effect.notice.type === type
        ? [effect.notice as Extract<CoordinatorNotice, { type: Type }>]
        : [],
    );
  }

  get ended(): string | undefined {
    const effect = this.effects.find((candidate) => candidate.type === 'end');
    return effect?.type === 'end' ? effect.error?.code : undefined;
  }
}

const epoch = (rows: number, weights = sha('1')): ToCoordinator => ({
  type: 'epoch',
  phase: 'teacher',
  report: {
    epoch: 0,
    ledger: rows === 4 ? wholeLedger(4) : { ...emptyLedger, rows },
    weightsSha256: weights,
    trainLoss: 1,
    learningRate: 0.1,
  },
});

describe('an interrupted run', () => {
  const interrupt = { type: 'interrupt', error: { code: 'INTERRUPTED', message: 'stop' } } as const;
  function atStep(step: number): Coordinator {
    const coordinator = new Coordinator(2).running().beat(1).beat(2);
    return coordinator.message(1, { type: 'progress', generation: coordinator.state.generation, step, loss: 1 });
  }

  test('ends once its newest state is in a checkpoint', () => {
    const coordinator = atStep(7).on(interrupt);
    expect(coordinator.effects).toEqual([{ type: 'takeCheckpoint', link: 2, id: 1 }]);
    expect(coordinator.on({ type: 'tick' }).ended).toBeUndefined();
    const held = { phase: 'teacher', ops: 7 } as const;
    coordinator.on({ type: 'checkpointTaken', id: 1, held, sha256: sha('7'), bytes: 1 });
    expect(coordinator.effects).toContainEqual({
      type: 'journal',
      record: { type: 'checkpoint', record: expect.objectContaining({ ops: 7 }) },
    });
    expect(coordinator.ended).toBe('INTERRUPTED');
  });

  test('takes a checkpoint of its own after one that is on its way', () => {
    const coordinator = atStep(7);
    coordinator.state = {
      ...coordinator.state,
      checkpoint: { ...coordinator.state.checkpoint, nextId: 2, pending: { id: 1, link: 2 } },
    };
    expect(coordinator.on(interrupt).effects).toEqual([]);
    coordinator.on({ type: 'checkpointFailed', id: 1, reason: 'the disk is full' });
    expect(coordinator.effects).toContainEqual({ type: 'takeCheckpoint', link: 1, id: 2 });
    expect(coordinator.on({ type: 'checkpointFailed', id: 2, reason: 'the disk is full' }).ended).toBe('INTERRUPTED');
  });

  test('waits for its checkpoint for a few seconds, and for nothing if nothing was trained', () => {
    const coordinator = atStep(7).on(interrupt);
    coordinator.now += limits.lastCheckpointMs;
    expect(coordinator.on({ type: 'tick' }).ended).toBe('INTERRUPTED');
    expect(new Coordinator(2).running().on(interrupt).ended).toBe('INTERRUPTED');
    expect(new Coordinator(2).join(1).on(interrupt).ended).toBe('INTERRUPTED');
  });

  test('reports the interruption, whatever happens to its workers meanwhile', () => {
    const lost = { type: 'interrupt', error: { code: 'WORKER_LOST', message: 'no worker is left' } } as const;
    expect(atStep(7).on(interrupt).on(lost).ended).toBe('INTERRUPTED');
    expect(atStep(7).on(lost).ended).toBe('WORKER_LOST');
  });
});

describe('rendezvous', () => {
  test.each([
    ['another protocol version', { protocol: protocolVersion + 1 }, 'PROTOCOL_VERSION'],
    ['a wrong token', { token: 'x' }, 'TOKEN_REJECTED'],
    ['another run', { runId: 'other' }, 'RUN_OVER'],
  ])('a worker with %s is refused and the others go on', (_, change, code) => {
    const coordinator = new Coordinator(1).hello(1, change);
    expect(coordinator.sent(1)).toEqual([
      expect.objectContaining({ type: 'rejected', error: expect.objectContaining({ code }) }),
    ]);
    expect(coordinator.effects).toContainEqual({ type: 'close', link: 1 });
    expect(coordinator.join(2).sent(2)).toEqual([expect.objectContaining({ type: 'pause' })]);
  });

  test('an engine with another fingerprint is refused unless a mix is allowed', () => {
    expect(new Coordinator(2).join(1).join(2, { fingerprint: 'other' }).sent(2)).toEqual([
      expect.objectContaining({ type: 'rejected', error: expect.objectContaining({ code: 'FINGERPRINT_MISMATCH' }) }),
    ]);
    expect(new Coordinator(2, { allowMixed: true }).join(1).join(2, { fingerprint: 'other' }).sent(2)).toEqual([
      expect.objectContaining({ type: 'pause' }),
    ]);
  });

  test('a process that comes back over another link is the same worker', () => {
    const coordinator = new Coordinator(3).join(1).hello(9, { instance: 'i1' });
    expect(coordinator.effects).toContainEqual({ type: 'close', link: 1 });
    expect(coordinator.sent(9)).toEqual([expect.objectContaining({ type: 'welcome', workerId: 'w1' })]);
  });

  test('silence and absence have their limits, and are reported', () => {
    const silent = new Coordinator(2).running();
    silent.tick(limits.silenceNoticeMs + 1);
    expect(silent.beat(1).on({ type: 'tick' }).notices('silent')).toEqual([
      expect.objectContaining({ workerId: 'w2' }),
    ]);
    expect(silent.on({ type: 'tick' }).notices('silent')).toEqual([]);
    silent.tick(10_001, 1);
    expect(silent.beat(1).on({ type: 'tick' }).notices('left')).toEqual([
      { type: 'left', workerId: 'w2', reason: 'no heartbeat for 10 s' },
    ]);
    expect(silent.sent(1)).toContainEqual(expect.objectContaining({ type: 'pause', boundary: false }));
    const waiting = new Coordinator(2).join(1);
    waiting.now = 30_001;
    expect(waiting.beat(1).on({ type: 'tick' }).ended).toBe('WORKERS_MISSING');
  });
});

describe('a change of membership', () => {
  test('ranks are dealt once all have said how far they are; steps begin once all are ready with equal state', () => {
    const coordinator = new Coordinator(3).join(1).join(2).join(3);
    expect(coordinator.paused(1).paused(2).sent(1)).toEqual([]);
    coordinator.paused(3);
    // Two ranks: the third worker is a spare.
    const members = [
      { lo: 0, hi: 1 },
      { lo: 1, hi: 2 },
      { lo: 2, hi: 2 },
    ].map((ranks, i) => ({ workerId: `w${i + 1}`, meshAddress: `mesh${i + 1}`, ranks }));
    for (const link of [1, 2, 3])
      expect(coordinator.sent(link)).toEqual([expect.objectContaining({ type: 'resume', ops: 0, members, heals: [] })]);
    expect(coordinator.ready(1).ready(2).sent(1)).toEqual([]);
    expect(coordinator.ready(3).sent(1)).toEqual([{ type: 'start', generation: coordinator.state.generation }]);
  });

  test('a lost worker’s ranks go to the others at once; a member that lags is healed by a peer', () => {
    const coordinator = new Coordinator(3)
      .join(1)
      .join(2)
      .join(3)
      .paused(1)
      .paused(2)
      .paused(3)
      .ready(1)
      .ready(2)
      .ready(3);
    coordinator.on({ type: 'closed', link: 1, reason: 'connection reset' });
    expect(coordinator.sent(2)).toEqual([expect.objectContaining({ type: 'pause', boundary: false })]);
    coordinator.paused(2, { phase: 'teacher', ops: 4 }).paused(3, { phase: 'teacher', ops: 5 });
    expect(coordinator.sent(2)).toEqual([
      expect.objectContaining({
        type: 'resume',
        ops: 5,
        heals: [{ to: 0, from: 1 }],
        members: [
          expect.objectContaining({ workerId: 'w2', ranks: { lo: 0, hi: 1 } }),
          expect.objectContaining({ workerId: 'w3', ranks: { lo: 1, hi: 2 } }),
        ],
      }),
    ]);
  });

  test('a worker that joins, or wants to go, changes it at the end of a step', () => {
    const coordinator = new Coordinator(2).running();
    expect(coordinator.joinLate(3).sent(1)).toEqual([expect.objectContaining({ type: 'pause', boundary: true })]);
    const leaving = new Coordinator(2).running().message(2, { type: 'leaving' });
    expect(leaving.sent(1)).toEqual([expect.objectContaining({ type: 'pause', boundary: true })]);
    leaving.paused(1, { phase: 'teacher', ops: 7 }).paused(2, { phase: 'teacher', ops: 7 });
    expect(leaving.sent(2)).toEqual([{ type: 'stop' }]);
    expect(leaving.sent(1)).toEqual([
      expect.objectContaining({
        type: 'resume',
        members: [expect.objectContaining({ workerId: 'w1', ranks: { lo: 0, hi: 2 } })],
      }),
    ]);
  });

  test('one that waits while another distils goes at once, and one worker is enough for that', () => {
    const done = [{ record: { phase: 'teacher' } as PhaseRecord, blob: sha('b') }];
    const distilling = parseRecipe({
      ...recipe,
      student: { model: { layers: [{ dense: 1 }] }, epochs: 1, batch: 2 },
      distill: {},
      data: { large: source, small: source, test: source },
    });
    const small = {
      ...job,
      recipe: distilling,
      dataset: { ...job.dataset, sets: { ...job.dataset.sets, small: set } },
    };
    const coordinator = new Coordinator(2, { job: small, minWorkers: 2, history: { ...emptyHistory, done } })
      .join(1)
      .join(2)
      .paused(1)
      .paused(2);
    expect(coordinator.sent(1)).toEqual([
      expect.objectContaining({
        type: 'resume',
        phase: 'student',
        teacher: sha('b'),
        members: [expect.objectContaining({ ranks: { lo: 0, hi: 1 } })],
      }),
    ]);
    expect(coordinator.ready(1).message(2, { type: 'leaving' }).sent(2)).toEqual([{ type: 'stop' }]);
    expect(coordinator.on({ type: 'closed', link: 1, reason: '' }).on({ type: 'tick' }).notices('waiting')).toEqual([
      { type: 'waiting', reason: '1 more worker' },
    ]);
    expect(coordinator.join(3).sent(3)).toContainEqual(expect.objectContaining({ type: 'pause' }));
  });

  test('a worker that is lost while others wait for the end of a step makes them stop at once', () => {
    const coordinator = new Coordinator(2).running().joinLate(3).on({ type: 'closed', link: 2, reason: '' });
    expect(coordinator.sent(1)).toEqual([expect.objectContaining({ type: 'pause', boundary: false })]);
  });

  test('with too few workers training waits, says for whom, and goes on when they are there', () => {
    const coordinator = new Coordinator(2, { minWorkers: 2 })
      .running()
      .on({ type: 'closed', link: 2, reason: '' })
      .paused(1, { phase: 'teacher', ops: 3 });
    expect(coordinator.notices('waiting')).toEqual([{ type: 'waiting', reason: '1 more worker' }]);
    expect(coordinator.join(3).sent(1)).toEqual([expect.objectContaining({ type: 'pause' })]);
    expect(coordinator.paused(1, { phase: 'teacher', ops: 3 }).paused(3).sent(3)).toEqual([
      expect.objectContaining({ type: 'resume', ops: 3, heals: [{ to: 1, from: 0 }] }),
    ]);
  });

  test('members that all wait without getting on are linked anew', () => {
    const coordinator = new Coordinator(2).running();
    coordinator.tick(limits.stallTimeoutMs, 1).beat(1).beat(2, { busy: true }).on({ type: 'tick' });
    // One of them works.
    expect(coordinator.notices('pausing')).toEqual([]);
    coordinator
      .tick(2 * limits.stallTimeoutMs, 1, 2)
      .tick(2 * limits.stallTimeoutMs + 1)
      .on({ type: 'tick' });
    expect(coordinator.notices('pausing')).toEqual([
      expect.objectContaining({ reason: 'no member made progress', boundary: false }),
    ]);
  });

  test('of workers that cannot reach each other the one that most accuse is left out, and tried again later', () => {
    const coordinator = new Coordinator(3).join(1).join(2).join(3).paused(1).paused(2).paused(3);
    const accuse = (link: number, peer: number): Coordinator =>
      coordinator.message(link, {
        type: 'unreachable',
        generation: coordinator.state.generation,
        peer,
        linking: true,
        reason: 'no answer',
      });
    accuse(1, 1);
    accuse(3, 1);
    coordinator.now = limits.accusationMs + 1;
    expect(coordinator.on({ type: 'tick' }).notices('excluded')).toEqual([expect.objectContaining({ workerId: 'w2' })]);
    coordinator.paused(1).paused(2).paused(3);
    expect(coordinator.sent(1)).toEqual([
      expect.objectContaining({
        members: [expect.objectContaining({ workerId: 'w1' }), expect.objectContaining({ workerId: 'w3' })],
      }),
    ]);
    coordinator.ready(1).ready(3);
    coordinator.now += limits.quarantineMs;
    for (const link of [1, 2, 3]) coordinator.beat(link);
    coordinator.on({ type: 'tick' }).answerProbe(2);
    expect(coordinator.state.membership).toMatchObject({ type: 'pausing', boundary: true });
  });

  test('what a step computes and exchanges is told once, when all members know it', () => {
    const coordinator = new Coordinator(2).running();
    const { generation } = coordinator.state;
    coordinator.message(1, { type: 'progress', generation, step: limits.stepsBeforeTimes, loss: 1 });
    coordinator.beat(1, { rankMs: 1, exchangeMs: 9 }).beat(2, { rankMs: 1 });
    expect(coordinator.on({ type: 'tick' }).notices('stepTimes')).toEqual([]);
    coordinator.beat(2, { rankMs: 1, exchangeMs: 8 });
    expect(coordinator.on({ type: 'tick' }).notices('stepTimes')).toMatchObject([
      { phase: 'teacher', times: { computeMs: 1, exchangeMs: 8, fewer: { workers: 1, stepMs: 2 } } },
    ]);
    expect(coordinator.on({ type: 'tick' }).notices('stepTimes')).toEqual([]);
  });

  test('ranks move from a slow worker only if that is worth it, and the slow one is named', () => {
    const coordinator = new Coordinator(2, { job: { ...job, recipe: { ...recipe, ranks: 8 } } }).running();
    coordinator.now = limits.rebalanceIntervalMs + 1;
    expect(coordinator.beat(1, { rankMs: 10 }).beat(2, { rankMs: 11 }).on({ type: 'tick' }).notices('pausing')).toEqual(
      [],
    );
    coordinator.beat(2, { rankMs: 30 }).on({ type: 'tick' });
    expect(coordinator.notices('slow')).toEqual([{ type: 'slow', workerId: 'w2', rankMs: 30, typicalMs: 10 }]);
    expect(coordinator.notices('pausing')).toEqual([
      expect.objectContaining({ boundary: true, reason: 'ranks move: a step takes 120 ms and would take 60 ms' }),
    ]);
    coordinator.paused(1, { phase: 'teacher', ops: 2 }).paused(2, { phase: 'teacher', ops: 2 });
    expect(coordinator.sent(1)).toEqual([
      expect.objectContaining({
        members: [
          expect.objectContaining({ ranks: { lo: 0, hi: 6 } }),
          expect.objectContaining({ ranks: { lo: 6, hi: 8 } }),
        ],
      }),
    ]);
  });

  test('a member that others wait for, and that gets no further, is named', () => {
    const coordinator = new Coordinator(2).running();
    for (; coordinator.now < limits.stallTimeoutMs; coordinator.now += 500)
      coordinator
        .beat(1, { waitingFor: [1] })
        .beat(2, { busy: true })
        .on({ type: 'tick' });
    expect(
      coordinator
        .beat(1, { waitingFor: [1] })
        .beat(2, { busy: true })
        .on({ type: 'tick' })
        .notices('stalling'),
    ).toEqual([expect.objectContaining({ workerId: 'w2', waiting: ['w1'] })]);
    expect(coordinator.on({ type: 'tick' }).notices('stalling')).toEqual([]);
  });

  test('what a worker seems not to have heard is said again', () => {
    const coordinator = new Coordinator(1).join(1);
    coordinator.now = limits.resendMs + 1;
    expect(coordinator.beat(1, { stage: 'idle', generation: 0 }).sent(1)).toContainEqual(
      expect.objectContaining({ type: 'pause' }),
    );
    coordinator.paused(1);
    coordinator.now += limits.resendMs + 1;
    expect(coordinator.beat(1, { stage: 'paused' }).sent(1)).toContainEqual(
      expect.objectContaining({ type: 'resume' }),
    );
    coordinator.ready(1);
    coordinator.now += limits.resendMs + 1;
    expect(coordinator.beat(1, { stage: 'ready' }).sent(1)).toContainEqual(expect.objectContaining({ type: 'start' }));
  });
});

describe('a coordinator that comes back', () => {
  const history = { ...emptyHistory, term: 1 };
  const members = [
    { lo: 0, hi: 1 },
    { lo: 1, hi: 2 },
  ].map((ranks, i) => ({ workerId: `w${i + 1}`, meshAddress: `mesh${i + 1}`, ranks }));
  const back = (link: number): object => ({
    generation: 70_000,
    held: { phase: 'teacher', ops: link },
    running: members,
  });

  test('takes over a generation that runs, without a word to its members', () => {
    const coordinator = new Coordinator(2, { term: 2, history }).join(1, back(1)).join(2, back(2));
    expect([...coordinator.sent(1), ...coordinator.sent(2)]).toEqual([]);
    expect(coordinator.state.membership).toMatchObject({ type: 'running', members });
    // Its own generations are higher than any of the coordinator before.
    expect(coordinator.joinLate(3).sent(1)).toEqual([{ type: 'pause', generation: 2 * 2 ** 16 + 1, boundary: true }]);
  });

  test('makes a new one if a member does not come back in time', () => {
    const coordinator = new Coordinator(2, { term: 2, history }).join(1, back(1));
    coordinator.now = limits.adoptionMs;
    expect(coordinator.on({ type: 'tick' }).sent(1)).toEqual([
      expect.objectContaining({ type: 'pause', boundary: false }),
    ]);
    expect(coordinator.paused(1, { phase: 'teacher', ops: 9 }).sent(1)).toEqual([
      expect.objectContaining({ type: 'resume', ops: 9, heals: [] }),
    ]);
  });

  test('begins at the newest checkpoint if no worker holds more, and at the one before if it is spoiled', () => {
    const checkpoints = [3, 6].map((ops) => ({
      phase: 'teacher' as const,
      ops,
      sha256: sha(String(ops)),
      bytes: 1,
      best: false,
    }));
    const coordinator = new Coordinator(1, { term: 2, history: { ...history, checkpoints } }).join(1);
    coordinator.now = limits.adoptionMs;
    coordinator.on({ type: 'tick' }).paused(1);
    expect(coordinator.sent(1)).toEqual([expect.objectContaining({ type: 'resume', ops: 6, checkpoint: sha('6') })]);
    coordinator.on({ type: 'checkpointUnusable', sha256: sha('6'), reason: 'cut off' });
    expect(coordinator.effects).toContainEqual({
      type: 'journal',
      record: { type: 'checkpointDropped', sha256: sha('6') },
    });
    expect(coordinator.paused(1).sent(1)).toEqual([
      expect.objectContaining({ type: 'resume', ops: 3, checkpoint: sha('3') }),
    ]);
  });

  test('of a run whose phases are all done ends it, without workers', () => {
    const done = [{ record: { phase: 'teacher' } as PhaseRecord, blob: sha('b') }];
    const coordinator = new Coordinator(1, { term: 2, history: { ...history, done } }).on({ type: 'tick' });
    expect(coordinator.effects).toEqual([
      { type: 'journal', record: { type: 'ended' } },
      { type: 'end', error: undefined },
    ]);
  });

  test('that is fenced off while it ends says so', () => {
    const over = new Coordinator(1).join(1).on({ type: 'interrupt', error: { code: 'INTERRUPTED', message: 'stop' } });
    expect(over.on({ type: 'fenced', term: 2 }).ended).toBe('COORDINATOR_FENCED');
  });

  test('is fenced off by one that came after it', () => {
    const fenced = new Coordinator(1).join(1).on({ type: 'fenced', term: 2 });
    expect(fenced.ended).toBe('COORDINATOR_FENCED');
    expect(fenced.effects.some(({ type }) => type === 'journal')).toBe(false);
    expect(fenced.sent(1).some(({ type }) => type === 'stop')).toBe(false);
    // A worker that comes back to it does not hear that the run is over: it is not.
    expect(fenced.hello(2).effects).toEqual([{ type: 'close', link: 2 }]);
  });

  test('does not believe a worker that says so: the worker has to go on looking', () => {
    const coordinator = new Coordinator(1).hello(1, { term: 2 ** 39 });
    expect(coordinator.ended).toBeUndefined();
    expect(coordinator.sent(1)).toEqual([]);
    expect(coordinator.effects).toContainEqual({ type: 'close', link: 1 });
    expect(coordinator.notices('refused')).toHaveLength(1);
    expect(coordinator.join(2).sent(2)).toEqual([expect.objectContaining({ type: 'pause' })]);
  });
});

/** Its link is closed with the reason, the others go on, and its process does not come back. */
function expectExpelled(coordinator: Coordinator, link: number): void {
  expect(coordinator.ended).toBeUndefined();
  expect(coordinator.effects).toContainEqual({ type: 'close', link });
  expect(coordinator.sent(link)).toContainEqual(
    expect.objectContaining({ type: 'rejected', error: expect.objectContaining({ code: 'PROTOCOL_VIOLATION' }) }),
  );
  expect(coordinator.notices('refused')).toHaveLength(1);
  expect(coordinator.state.workers.has(link)).toBe(false);
  const again = coordinator.hello(99, { instance: `i${link}` });
  expect(again.sent(99)).toEqual([
    expect.objectContaining({ type: 'rejected', error: expect.objectContaining({ code: 'PROTOCOL_VIOLATION' }) }),
  ]);
}

describe('a hostile or broken worker with the token', () => {
  const done = {
    type: 'done',
    phase: 'teacher',
    steps: 1,
    samples: 4,
    waitedMs: 1,
    waits: { steps: 1 },
    weightsSha256: sha('1'),
    test: { loss: 1, rows: 1 },
    stopped: 'all epochs done',
  } as const;
  const generation = 2 ** 16 + 1;
  const running = [{ workerId: 'w3', meshAddress: 'mesh3', ranks: { lo: 0, hi: 1 } }];

  test.each<[string, object]>([
    ['a generation that has not begun', { generation: 2 ** 30 }],
    ['a position beyond the end of its phase', { held: { phase: 'teacher', ops: 2 ** 40 } }],
    ['members that do not share the ranks', { running }],
    ['members that overlap', { running: [...running, { ...running[0], workerId: 'w4' }] }],
  ])('is expelled if it joins with %s', (_, change) => {
    expectExpelled(new Coordinator(2).running().join(3, change), 3);
  });

  test.each<[string, ToCoordinator]>([
    ['pauses in one that has not begun', { type: 'paused', generation: generation + 1 }],
    ['holds more than its phase has', { type: 'paused', generation, held: { phase: 'teacher', ops: 2 ** 40 } }],
    ['makes more steps than its phase has', { type: 'progress', generation, step: 2 ** 40, loss: 1 }],
    ['ends a phase with more steps than it has', { ...done, steps: 2 ** 40 }],
    [
      'accuses a member that does not exist',
      { type: 'unreachable', generation, peer: 2, linking: true, reason: 'no answer' },
    ],
  ])('is expelled if it %s', (_, message) => {
    const coordinator = new Coordinator(2).running();
    expect(coordinator.state.generation).toBe(generation);
    expectExpelled(coordinator.message(2, message), 2);
    expect(coordinator.state.membership.type).toBe('pausing');
  });

  test('is expelled if it contradicts the members about an epoch without being one; otherwise it is not heard', () => {
    const coordinator = new Coordinator(2).running().join(3);
    coordinator.message(3, epoch(3, sha('2')));
    expect([coordinator.ended, coordinator.effects]).toEqual([undefined, []]);
    coordinator.message(1, epoch(4));
    expectExpelled(coordinator.message(3, epoch(4, sha('2'))), 3);
  });

  test('has no say in a generation that it is no member of', () => {
    const coordinator = new Coordinator(2).running().join(3);
    const before = coordinator.state;
    for (const message of [
      { type: 'progress', generation, step: 1, loss: 1 },
      { ...done, model: { topology: '', weights: [], data: new Uint8Array(8), parameters: 2 } },
      { type: 'unreachable', generation, peer: 0, linking: true, reason: 'no answer' },
      { type: 'unreachable', generation, peer: 0, linking: false, reason: 'no answer' },
    ] satisfies ToCoordinator[])
      expect(coordinator.message(3, message).effects).toEqual([]);
    expect(coordinator.state).toEqual({ ...before, workers: coordinator.state.workers });
    const starting = new Coordinator(2).join(1).join(2).paused(1).paused(2).join(3);
    expect(starting.ready(1).ready(3, sha('2')).effects).toEqual([]);
    expect(starting.ready(2).state.membership.type).toBe('running');
  });

  test('that fails before it has a part in the run fails alone; before the run begins it speaks for all', () => {
    const error = { code: 'BACKEND_UNAVAILABLE', message: 'no such engine' } as const;
    const coordinator = new Coordinator(2).running().hello(3).message(3, { type: 'failed', error });
    expect(coordinator.ended).toBeUndefined();
    expect(coordinator.sent(3)).toEqual([{ type: 'stop', error }]);
    expect(coordinator.notices('left')).toEqual([
      { type: 'left', workerId: 'w3', reason: 'it failed: BACKEND_UNAVAILABLE: no such engine' },
    ]);
    expect(new Coordinator(2).hello(1).message(1, { type: 'failed', error }).ended).toBe('BACKEND_UNAVAILABLE');
  });

  test('whose crash is reported after its link has closed ends the run, also while the others wait', () => {
    const error = { code: 'WORKER_CRASHED', message: 'its process was killed by SIGABRT' } as const;
    const coordinator = new Coordinator(2, { minWorkers: 2 })
      .running()
      .on({ type: 'closed', link: 2, reason: 'its connection closed' })
      .paused(1, { phase: 'teacher', ops: 3 });
    expect(coordinator.notices('waiting')).toEqual([{ type: 'waiting', reason: '1 more worker' }]);
    expect(coordinator.hello(3, { instance: 'i2' }).message(3, { type: 'failed', error }).ended).toBe('WORKER_CRASHED');
  });

  test('that changes its engine or protocol while it takes part is lost to the others, who continue', () => {
    for (const say of [
      (coordinator: Coordinator) => coordinator.joinAgain(2, { fingerprint: 'another' }),
      (coordinator: Coordinator) => coordinator.hello(2, { protocol: 0 }),
    ]) {
      const coordinator = say(new Coordinator(2).running());
      expect(coordinator.sent(2)).toEqual([expect.objectContaining({ type: 'rejected' })]);
      expect(coordinator.notices('left')).toEqual([expect.objectContaining({ workerId: 'w2' })]);
      expect(coordinator.state.membership.type).toBe('pausing');
    }
  });

  test('that should hand over its state and never does is left out, instead of being linked again for ever', () => {
    const coordinator = new Coordinator(2).running().joinLate(3);
    const held = { phase: 'teacher', ops: 5 } as const;
    const pausedAll = (): unknown =>
      coordinator
        .paused(1, { ...held, ops: 4 })
        .paused(2, held)
        .paused(3);
    const excluded: CoordinatorNotice[] = [];
    const stall = (): void => {
      pausedAll();
      for (const untilMs = coordinator.now + limits.stallTimeoutMs + 1_000; coordinator.now < untilMs;) {
        coordinator.now += limits.tickIntervalMs;
        const links = [...coordinator.state.workers.keys()];
        for (const link of links) coordinator.beat(link, { stage: 'preparing', waitingFor: link === 2 ? [] : [1] });
        excluded.push(...coordinator.on({ type: 'tick' }).notices('excluded'));
      }
    };
    stall();
    stall();
    expect(excluded).toEqual([]);
    stall();
    expect(excluded).toEqual([expect.objectContaining({ workerId: 'w2', reason: expect.stringContaining('in vain') })]);
    coordinator
      .paused(1, { ...held, ops: 4 })
      .paused(2, held)
      .paused(3);
    expect(coordinator.state.membership).toMatchObject({
      type: 'starting',
      members: [{ workerId: 'w1' }, { workerId: 'w3' }],
      resume: { ops: 4, heals: [{ to: 1, from: 0 }] },
    });
  });

  test('that does not send a checkpoint is not asked for the next one', () => {
    const coordinator = new Coordinator(2, { checkpointEveryMs: 1_000 }).running();
    const asked: number[] = [];
    for (let id = 1; id <= 3; id++) {
      coordinator.tick(coordinator.now + 2_000, 1, 2).on({ type: 'tick' });
      const { pending } = coordinator.state.checkpoint;
      asked.push(pending!.link);
      coordinator.on({ type: 'checkpointFailed', id: pending!.id, reason: 'its worker sent nothing' });
    }
    expect(asked).toEqual([2, 1, 2]);
  });

  test('cannot use up the names of workers', () => {
    const coordinator = new Coordinator(1).hello(1, { workerId: 'w999999999999999' });
    expect(coordinator.sent(1)).toEqual([expect.objectContaining({ type: 'welcome', workerId: 'w1' })]);
  });

  test('that is refused again and again fills no log: its refusals are counted', () => {
    const coordinator = new Coordinator(1);
    let noted = 0;
    for (let link = 1; link <= 1000; link++)
      noted += coordinator.hello(link, { token: 'guessed' }).notices('refused').length;
    expect(noted).toBe(limits.refusalsLogged);
    coordinator.now = limits.refusalsLoggedMs;
    expect(coordinator.on({ type: 'tick' }).notices('refusedMore')).toEqual([
      { type: 'refusedMore', count: 1000 - limits.refusalsLogged },
    ]);
    expect(coordinator.hello(1, { token: 'guessed' }).notices('refused')).toHaveLength(1);
  });

  test('repeats its hello when the run is full, and is welcomed again', () => {
    const coordinator = new Coordinator(1);
    for (let link = 1; link <= limits.workerCount; link++) coordinator.hello(link);
    expect(coordinator.hello(1).sent(1)).toEqual([expect.objectContaining({ type: 'welcome', workerId: 'w1' })]);
    expect(coordinator.hello(limits.workerCount + 1).sent(limits.workerCount + 1)).toEqual([
      expect.objectContaining({ type: 'rejected', error: expect.objectContaining({ code: 'RUN_FULL' }) }),
    ]);
  });

  test('is a stranger until its hello is accepted', () => {
    expect(new Coordinator(1).hello(1).effects).toContainEqual({ type: 'admit', link: 1 });
    expect(new Coordinator(1).hello(1, { token: 'x' }).effects.some(({ type }) => type === 'admit')).toBe(false);
  });
});

describe('workers whose mesh nobody reaches', () => {
  /** Everyone else reports each of them. */
  const accuse = (coordinator: Coordinator, by: readonly number[], unreachable: readonly number[]): void => {
    for (const link of by)
      for (const peer of unreachable)
        if (peer !== link - 1)
          coordinator.message(link, {
            type: 'unreachable',
            generation: coordinator.state.generation,
            peer,
            linking: true,
            reason: 'no answer',
          });
    coordinator.now += limits.accusationMs + 1;
    coordinator.on({ type: 'tick' });
  };
  /** Time passes while members work. */
  const atWork = (coordinator: Coordinator, untilMs: number, links: readonly number[]): void => {
    coordinator.now = untilMs;
    for (const link of links) coordinator.beat(link, { busy: true });
    coordinator.on({ type: 'tick' });
  };
  const all = Array.from({ length: 20 }, (_, i) => i + 1);

  test('are all left out in one round, be they fourteen of twenty', () => {
    const coordinator = new Coordinator(20);
    for (const link of all) coordinator.join(link);
    for (const link of all) coordinator.paused(link);
    const behind = all.slice(6).map((link) => link - 1);
    accuse(coordinator, all, behind);
    expect(
      coordinator
        .notices('excluded')
        .map(({ workerId }) => workerId)
        .toSorted(),
    ).toEqual(behind.map((index) => `w${index + 1}`).toSorted());
    for (const link of all) coordinator.paused(link);
    expect(coordinator.state.membership).toMatchObject({
      type: 'starting',
      members: [1, 2, 3, 4, 5, 6].map((number) => ({ workerId: `w${number}` })),
    });
  });

  test('of two halves the one of the members of before stays, even if it is the smaller one', () => {
    expect(
      membersToLeaveOut(
        ['w1', 'w2', 'w3', 'w4', 'w5'],
        ['w1', 'w2'].flatMap((by) => ['w3', 'w4', 'w5'].map((of) => ({ by, of, atMs: 0 }))),
        new Set(['w1', 'w2']),
      ).toSorted(),
    ).toEqual(['w3', 'w4', 'w5']);
  });

  test('of workers that all cannot reach each other one stays', () => {
    const everyone = ['w1', 'w2', 'w3'];
    expect(
      membersToLeaveOut(
        everyone,
        everyone.flatMap((by) => everyone.filter((of) => of !== by).map((of) => ({ by, of, atMs: 0 }))),
        new Set(),
      ),
    ).toEqual(['w3', 'w2']);
  });

  test('a newcomer that members cannot reach is left out before anyone pauses, and each time for longer', () => {
    const coordinator = new Coordinator(2).running().join(3);
    expect(coordinator.sent(1)).toEqual([{ type: 'probe', id: 1, workers: [{ meshAddress: 'mesh3' }] }]);
    expect(coordinator.sent(3)).toEqual([
      { type: 'probe', id: 1, workers: [{ meshAddress: 'mesh1' }, { meshAddress: 'mesh2' }] },
    ]);
    let newcomer = 3;
    for (const times of [1, 2, 3]) {
      for (const link of [1, 2]) coordinator.message(link, { type: 'probed', id: times, reached: 0 });
      expect(coordinator.notices('excluded')).toEqual([
        expect.objectContaining({ workerId: 'w3', forMs: limits.quarantineMs * 2 ** (times - 1) }),
      ]);
      // It comes back over another connection, and is not forgotten.
      coordinator.hello(++newcomer, { instance: 'i3' }).joinAgain(newcomer);
      const untilMs = coordinator.now + limits.quarantineMs * 2 ** (times - 1);
      atWork(coordinator, untilMs - 1, [1, 2, newcomer]);
      expect(coordinator.sent(newcomer).filter(({ type }) => type === 'probe')).toEqual([]);
      atWork(coordinator, untilMs, [1, 2, newcomer]);
      expect(coordinator.sent(newcomer)).toContainEqual(expect.objectContaining({ type: 'probe', id: times + 1 }));
    }
    expect(coordinator.state.membership.type).toBe('running');
  });

  test('an answer that was lost is asked for again; a newcomer that is reached joins', () => {
    const coordinator = new Coordinator(2).running().join(3).on({ type: 'tick' });
    atWork(coordinator, limits.probeMs, [1, 2, 3]);
    expect(coordinator.sent(1)).toContainEqual({ type: 'probe', id: 2, workers: [{ meshAddress: 'mesh3' }] });
    coordinator.answerProbe(3);
    expect(coordinator.state.membership).toMatchObject({ type: 'pausing', boundary: true });
  });
});

describe('checks', () => {
  test('different state at the start of a generation, or different weights after an epoch, end the run', () => {
    expect(new Coordinator(2).join(1).join(2).paused(1).paused(2).ready(1).ready(2, sha('2')).ended).toBe(
      'MODEL_DIVERGED',
    );
    expect(
      new Coordinator(2)
        .running()
        .message(1, epoch(4))
        .message(2, epoch(4, sha('2'))).ended,
    ).toBe('MODEL_DIVERGED');
  });

  test('a phase that ends in the millisecond in which it began has finite rates', () => {
    const done: ToCoordinator = {
      type: 'done',
      phase: 'teacher',
      steps: 1,
      samples: 4,
      waitedMs: 1,
      waits: { steps: 1 },
      weightsSha256: sha('1'),
      test: { loss: 1, rows: 1 },
      stopped: 'all epochs done',
      model: { topology: '', weights: [], data: new Uint8Array(8), parameters: 2 },
    };
    const { state } = new Coordinator(2)
      .running()
      .message(1, epoch(4))
      .message(2, epoch(4))
      .message(1, done)
      .message(2, done);
    expect(state.membership).toMatchObject({
      type: 'saving',
      record: { seconds: 0.001, samplesPerSecond: 4000, dataWait: { share: 1 } },
    });
  });

  test('an epoch that did not use each row once ends the run', () => {
    expect(new Coordinator(2).running().message(1, epoch(4)).message(2, epoch(4)).ended).toBeUndefined();
    expect(new Coordinator(2).running().message(1, epoch(3)).ended).toBe('LEDGER_BROKEN');
  });

  test('a bug in a worker is reported with worker, step, ranks and stack; bad input as it is', () => {
    const failed = new Coordinator(2)
      .running()
      .message(1, { type: 'failed', step: 7, error: { code: 'BUG', message: 'x is undefined', stack: 'at y' } });
    expect(failed.effects.at(-1)).toEqual({
      type: 'end',
      error: { code: 'WORKER_FAILED', message: 'worker w1 (h1), step 7, rank 0: x is undefined', stack: 'at y' },
    });
    const input = new Coordinator(1)
      .hello(1)
      .message(1, { type: 'failed', error: { code: 'MODEL_SHAPE', message: 'teacher.model gives …' } });
    expect(input.effects.at(-1)).toEqual({
      type: 'end',
      error: { code: 'MODEL_SHAPE', message: 'teacher.model gives …' },
    });
  });

  test('a process that died by itself ends the run, with what it worked on, even after it was missed', () => {
    const error = { code: 'WORKER_CRASHED', message: 'heap out of memory' } as const;
    const coordinator = new Coordinator(2)
      .running()
      .message(1, { type: 'progress', generation: 65537, step: 5, loss: 1 })
      .on({ type: 'closed', link: 2, reason: '' });
    expect(coordinator.on({ type: 'crashed', instance: 'i2', error }).effects.at(-1)).toEqual({
      type: 'end',
      error: { ...error, message: 'worker w2 (this machine), step 5, rank 1: heap out of memory' },
    });
  });

  test('what cannot be decoded expels a worker, and is refused from a stranger', () => {
    const error = { code: 'PROTOCOL_VIOLATION', message: 'a message is not MessagePack' } as const;
    expect(new Coordinator(1).on({ type: 'broken', link: 9, error }).effects).toEqual([
      { type: 'send', link: 9, message: { type: 'rejected', error } },
      { type: 'close', link: 9 },
    ]);
    expectExpelled(new Coordinator(2).running().on({ type: 'broken', link: 2, error }), 2);
    expect(new Coordinator(1).message(9, { type: 'leaving' }).effects).toEqual([{ type: 'close', link: 9 }]);
  });

  test('after its end a run does nothing any more', () => {
    const over = new Coordinator(1).join(1).on({ type: 'interrupt', error: { code: 'INTERRUPTED', message: 'stop' } });
    expect(over.ended).toBe('INTERRUPTED');
    expect(over.beat(1).effects).toEqual([]);
    // A worker that comes late is sent away.
    expect(over.hello(2).sent(2)).toEqual([expect.objectContaining({ type: 'rejected' })]);
  });
});

test(
  'a block goes to the first worker that asks, and others are sent to it as long as it is there; one that asks the ' +
    'coordinator itself gets it',
  () => {
    const three = new Coordinator(3).join(1).join(2).join(3);
    const ask = (link: number, direct = false): CoordinatorEffect[] =>
      three.message(link, { type: 'getBlock', hash: sha('a'), direct }).effects;
    const sent = (link: number): CoordinatorEffect[] => [{ type: 'sendBlock', link, hash: sha('a') }];
    const referred = (link: number, meshAddress: string): CoordinatorEffect[] => [
      { type: 'send', link, message: { type: 'blockAt', hash: sha('a'), meshAddress } },
    ];
    expect(ask(1)).toEqual(sent(1));
    expect(ask(2)).toEqual(referred(2, 'mesh1'));
    expect(ask(2, true)).toEqual(sent(2));
    expect(ask(3)).toEqual(referred(3, 'mesh2'));
    three.on({ type: 'closed', link: 2, reason: '' });
    expect(ask(1)).toEqual(referred(1, 'mesh3'));
  },
);
