// What a worker decides when things go wrong. Whole runs are simulated in test/simulation.
import { describe, expect, test } from 'vitest';
import { lossesOf, noteFailedStep } from '../collective/flat-layout.js';
import { plainSumMemory } from '../collective/sum-memory.js';
import { limits } from '../error/limits.js';
import type { Job } from '../job/job.js';
import { emptyLedger } from '../order/ledger.js';
import { parseRecipe } from '../recipe/parse.js';
import type { ToCoordinator, ToWorker } from '../wire/messages.js';
import { job, recipe, set, sha } from '../coordinator/small-job.test.fixture.js';
import { initialWorkerState, workerTransition } from './machine.js';
import type { WorkerEffect, WorkerEvent, WorkerState } from './state.js';

/** The buffers of a model of so many numbers. */
const memoryOf = (floats: number) => ({ flatGradient: new Float32Array(floats), memory: plainSumMemory });

class Worker {
  state: WorkerState;
  effects: WorkerEffect[] = [];
  now = 0;

  constructor(patienceMs = 60_000) {
    this.state = initialWorkerState(
      { instance: 'i1', version: '0', token: 't', host: 'h', patienceMs, heartbeatTimeoutMs: 10_000 },
      0,
    );
  }

  on(event: WorkerEvent): this {
    const { state, effects } = workerTransition(this.state, event, this.now);
    this.state = state;
    this.effects = [...effects];
    return this;
  }

  hears(message: ToWorker): this {
    return this.on({ type: 'message', message });
  }

  /** Joined, with its engine loaded. */
  joined(term = 3, its = job): this {
    return this.on({ type: 'opened' })
      .hears({ type: 'welcome', workerId: 'w1', term, meshToken: 'm', job: its })
      .on({ type: 'loaded', fingerprint: 'f', choice: 'c', reach: { meshAddress: 'mesh1' } });
  }

  get sent(): ToCoordinator[] {
    return this.effects.flatMap((effect) => (effect.type === 'send' ? [effect.message] : []));
  }
}

describe('a worker', () => {
  test('that is told of its refusal exits with the reason', () => {
    expect(
      new Worker()
        .on({ type: 'opened' })
        .hears({ type: 'rejected', error: { code: 'TOKEN_REJECTED', message: 'no' } })
        .effects.at(-1),
    ).toEqual({ type: 'exit', error: { code: 'TOKEN_REJECTED', message: 'no' } });
  });

  test('that loses its coordinator looks for it again, and gives up when its patience is over', () => {
    const worker = new Worker().joined().on({ type: 'coordinatorLost', reason: 'reset' });
    expect(worker.effects).toEqual([{ type: 'connect', delayMs: 0 }]);
    worker.now = 59_000;
    const error = { code: 'COORDINATOR_UNREACHABLE', message: 'refused' } as const;
    expect(worker.on({ type: 'unreachable', error }).effects).toEqual([
      { type: 'connect', delayMs: limits.connectPauseMs },
    ]);
    worker.now = 60_000;
    expect(worker.on({ type: 'unreachable', error }).effects.at(-1)).toMatchObject({
      type: 'exit',
      error: { code: 'COORDINATOR_LOST' },
    });
    expect(worker.on({ type: 'heartbeatDue' }).effects).toEqual([]);
    expect(new Worker(0).joined().on({ type: 'coordinatorLost', reason: '' }).effects.at(-1)).toMatchObject({
      type: 'exit',
    });
  });

  test('that cannot go on says so again when it is asked to pause', () => {
    const worker = new Worker().joined().on({ type: 'failed', error: { code: 'BUG', message: 'no' } });
    expect(worker.hears({ type: 'pause', generation: 9, boundary: false }).sent).toEqual([
      { type: 'failed', error: { code: 'BUG', message: 'no' } },
    ]);
  });

  test('whose coordinator says nothing looks for another', () => {
    const worker = new Worker().joined();
    for (; worker.now < 10_000; worker.now += 1000) worker.on({ type: 'heartbeatDue' });
    worker.now = 10_001;
    expect(worker.on({ type: 'heartbeatDue' }).effects).toEqual([
      { type: 'disconnect' },
      { type: 'connect', delayMs: 0 },
    ]);
  });

  test('takes no notice of a generation that is over, and acknowledges a pause as often as it is asked', () => {
    const worker = new Worker().joined().hears({ type: 'pause', generation: 7, boundary: false });
    expect(worker.sent).toEqual([{ type: 'paused', generation: 7 }]);
    expect(worker.hears({ type: 'pause', generation: 7, boundary: false }).sent).toEqual([
      { type: 'paused', generation: 7 },
    ]);
    expect(worker.hears({ type: 'pause', generation: 6, boundary: false }).effects).toEqual([]);
    expect(worker.hears({ type: 'start', generation: 6 }).effects).toEqual([]);
    expect(
      worker.hears({
        type: 'resume',
        generation: 6,
        phase: 'teacher',
        ops: 0,
        members: [{ workerId: 'w1', meshAddress: 'm', ranks: { lo: 0, hi: 2 } }],
        heals: [],
      }).effects,
    ).toEqual([]);
  });

  test('says nothing of its state while that is being replaced', () => {
    const worker = new Worker().joined().hears({ type: 'pause', generation: 7, boundary: false });
    worker.hears({
      type: 'resume',
      generation: 7,
      phase: 'teacher',
      ops: 4,
      members: [{ workerId: 'w1', meshAddress: 'm', ranks: { lo: 0, hi: 2 } }],
      heals: [],
      checkpoint: sha('5'),
    });
    expect(worker.effects.map(({ type }) => type)).toEqual(['unlink', 'build', 'route', 'fetchState']);
    const phase = (worker.effects[1] as WorkerEffect & { type: 'build' }).phase;
    worker
      .on({ type: 'built', phase, layout: { gradients: 1, otherWeights: 0 }, ...memoryOf(17) })
      .on({ type: 'linked', generation: 7, files: new Map() })
      .on({ type: 'fetched', generation: 7, bytes: new Uint8Array(1) });
    expect(worker.effects).toEqual([expect.objectContaining({ type: 'adopt' })]);
    expect(worker.hears({ type: 'pause', generation: 8, boundary: false }).sent).toEqual([]);
    const training = {
      phase: 'teacher' as const,
      ops: 4,
      step: 4,
      ledger: emptyLedger,
      lossSum: 0,
      samples: 16,
      epochs: [],
    };
    expect(worker.on({ type: 'adopted', generation: 7, training }).sent).toEqual([
      { type: 'paused', generation: 8, held: { phase: 'teacher', ops: 4 } },
    ]);
  });

  test('that is asked to go before it has anything to hand over goes at once', () => {
    expect(new Worker().on({ type: 'leave' }).effects.at(-1)).toEqual({ type: 'exit', error: undefined });
    expect(new Worker().joined().on({ type: 'leave' }).sent).toEqual([{ type: 'leaving' }]);
  });
});

describe('a round of steps', () => {
  /** Three batches of one row per rank, in rounds of two steps; one worker has both ranks. */
  const rounds = (): Worker => {
    const large = { ...set, rowCount: 6, blockRows: 6 };
    const its: Job = {
      ...job,
      recipe: parseRecipe({ ...recipe, sync: { every: 2 }, teacher: { ...recipe.teacher, batch: 2 } }),
      dataset: { ...job.dataset, sets: { large, test: set } },
    };
    const members = [{ workerId: 'w1', meshAddress: 'm1', ranks: { lo: 0, hi: 2 } }];
    const worker = new Worker().joined(3, its).hears({ type: 'pause', generation: 7, boundary: false });
    worker.hears({ type: 'resume', generation: 7, phase: 'teacher', ops: 0, members, heals: [] });
    const { phase } = worker.effects.find(({ type }) => type === 'build') as WorkerEffect & { type: 'build' };
    return worker
      .on({ type: 'built', phase, layout: { gradients: 1, otherWeights: 0 }, ...memoryOf(17) })
      .on({ type: 'linked', generation: 7, files: new Map() })
      .on({ type: 'hashed', generation: 7, stateSha256: sha('1'), weightsSha256: sha('1') })
      .hears({ type: 'start', generation: 7 });
  };

  test('is one operation: progress within it, times per step, the outer learning rate after it', () => {
    const worker = rounds();
    expect(worker.effects).toEqual([expect.objectContaining({ type: 'compute', step: 0 })]);
    const { progress } = worker.state;
    // Three of the four micro-batches, after the second of which each rank could have taken a step.
    const stepped = (): unknown => worker.on({ type: 'stepped', generation: 7 }).sent;
    expect(stepped()).toEqual([]);
    expect(stepped()).toEqual([{ type: 'progress', generation: 7, step: 1 }]);
    expect(stepped()).toEqual([]);
    expect(worker.state.progress).toBe(progress + 3);
    worker.now += limits.progressIntervalMs;
    worker
      .on({ type: 'summed', generation: 7, subtree: 0, ledgers: [emptyLedger, emptyLedger] })
      .on({ type: 'computed', generation: 7, ms: 100, waitedMs: 0 });
    expect(worker.state.training).toMatchObject({ ops: 1, step: 2, samples: 4 });
    // 100 ms for two steps of two ranks.
    expect(worker.state.rankMs).toBe(25);
    expect(worker.effects).toEqual([
      { type: 'apply', step: 0, learningRate: 0.7 },
      expect.objectContaining({ type: 'send', message: expect.objectContaining({ type: 'progress', step: 2 }) }),
      expect.objectContaining({ type: 'compute', step: 2 }),
    ]);
    // The epoch ends the second round after one step.
    worker
      .on({ type: 'summed', generation: 7, subtree: 0, ledgers: [emptyLedger, emptyLedger] })
      .on({ type: 'computed', generation: 7, ms: 100, waitedMs: 0 });
    expect(worker.state.training).toMatchObject({ ops: 2, step: 3, samples: 6 });
    expect(worker.effects.map(({ type }) => type)).toEqual(['apply', 'evaluate']);
  });

  test('whose numbers are not finite names rank and step', () => {
    const worker = rounds();
    const { subtrees } = worker.effects[0] as WorkerEffect & { type: 'compute' };
    const layout = { gradients: 1, otherWeights: 0 };
    const { sum } = subtrees[0]!;
    lossesOf(sum, layout, 2)[1] = NaN;
    noteFailedStep(sum, layout, { ranks: 2, rank: 1, step: 1 });
    worker
      .on({ type: 'summed', generation: 7, subtree: 0, ledgers: [emptyLedger, emptyLedger] })
      .on({ type: 'computed', generation: 7, ms: 100, waitedMs: 0 });
    expect(worker.state.activity).toMatchObject({
      type: 'failing',
      message: {
        rank: 1,
        error: {
          code: 'LOSS_NOT_FINITE',
          message: 'the loss, gradient or a weight of the teacher is not a finite number at step 1, rank 1',
        },
      },
    });
  });

  test('with an account that is none ends the run, in the name of the rank whose it is', () => {
    const worker = rounds()
      .on({ type: 'summed', generation: 7, subtree: 0, ledgers: [emptyLedger, { ...emptyLedger, rows: NaN }] })
      .on({ type: 'computed', generation: 7, ms: 1, waitedMs: 0 });
    expect(worker.sent).toEqual([
      { type: 'failed', step: 0, rank: 1, error: expect.objectContaining({ code: 'LEDGER_BROKEN' }) },
    ]);
  });
});

describe('a member of a later generation', () => {
  const of = (generation: number) => {
    const members = [
      { workerId: 'w1', meshAddress: 'm1', ranks: { lo: 0, hi: 1 } },
      { workerId: 'w2', meshAddress: 'm2', ranks: { lo: 1, hi: 2 } },
    ];
    const heals: { to: number; from: number }[] = [];
    return {
      pause: { type: 'pause', generation, boundary: false } as const,
      resume: { type: 'resume', generation, phase: 'teacher', ops: 0, members, heals } as const,
      linked: { type: 'linked', generation, files: new Map<number, number>() } as const,
      hashed: { type: 'hashed', generation, stateSha256: sha('1'), weightsSha256: sha('1') } as const,
      summed: { type: 'summed', generation, subtree: 0, ledgers: [emptyLedger] } as const,
      computed: { type: 'computed', generation, ms: 1, waitedMs: 0 } as const,
    };
  };

  test('takes no notice of what engine and links report of an earlier one', () => {
    const [before, now] = [of(7), of(8)];
    const worker = new Worker().joined().hears(before.pause).hears(before.resume);
    const { phase } = worker.effects.find(({ type }) => type === 'build') as WorkerEffect & { type: 'build' };
    worker.on({ type: 'built', phase, layout: { gradients: 1, otherWeights: 0 }, ...memoryOf(17) });
    worker.hears(now.pause).hears(now.resume);
    expect(worker.on(before.linked).effects).toEqual([]);
    expect(worker.on(now.linked).effects.map(({ type }) => type)).toEqual(['hash']);
    expect(worker.on(before.hashed).effects).toEqual([]);
    expect(worker.on(now.hashed).sent.map(({ type }) => type)).toEqual(['ready']);
    worker.hears({ type: 'start', generation: 8 });
    expect(worker.on(before.summed).effects).toEqual([]);
    expect(worker.on(before.computed).effects).toEqual([]);
    expect(worker.state.rankMs).toBeUndefined();
    expect(worker.on(now.summed).effects.map(({ type }) => type)).toEqual(['sendFrames']);
  });
});

describe('a peer that sends what it may not', () => {
  const members = [
    { workerId: 'w1', meshAddress: 'm1', ranks: { lo: 0, hi: 1 } },
    { workerId: 'w2', meshAddress: 'm2', ranks: { lo: 1, hi: 2 } },
  ];
  const resume = { type: 'resume', generation: 7, phase: 'teacher', ops: 0, members, heals: [] } as const;
  /** @param change of the message that names the members */
  const entering = (change: object = {}): Worker => {
    const worker = new Worker().joined().hears({ type: 'pause', generation: 7, boundary: false });
    worker.hears({ ...resume, members: [...members], heals: [], ...change });
    const { phase } = worker.effects.find(({ type }) => type === 'build') as WorkerEffect & { type: 'build' };
    return worker
      .on({ type: 'built', phase, layout: { gradients: 1, otherWeights: 0 }, ...memoryOf(17) })
      .on({ type: 'linked', generation: 7, files: new Map() });
  };
  const blames = [{ type: 'unreachable', generation: 7, peer: 1, linking: true, reason: expect.stringContaining('') }];

  test('is reported like one that cannot be reached, and the worker that gets it has not failed', () => {
    const worker = entering()
      .on({ type: 'hashed', generation: 7, stateSha256: sha('1'), weightsSha256: sha('1') })
      .hears({ type: 'start', generation: 7 });
    expect(worker.state.activity.type).toBe('running');
    const frame = { header: { type: 'mark', generation: 7, op: 9, count: 0 }, data: new Uint8Array(0) } as const;
    expect(worker.on({ type: 'frame', generation: 7, from: 1, frame }).sent).toEqual(blames);
    expect(worker.state.activity.type).toBe('paused');
  });

  test('such as parts of different states: only the member that heals is heard, and it is reported', () => {
    const worker = entering({ ops: 4, heals: [{ to: 0, from: 1 }] });
    const part = (offset: number, total: number, from = 1): Worker =>
      worker.on({
        type: 'frame',
        generation: 7,
        from,
        frame: { header: { type: 'state', generation: 7, offset, total, count: 4 }, data: new Uint8Array(4) },
      });
    expect(part(0, 2 ** 31, 0).effects).toEqual([]);
    expect(part(0, 8).effects).toEqual([]);
    expect(part(4, 16).sent).toEqual(blames);
  });
});

describe('links with other members', () => {
  const members = ['w1', 'w2', 'w3'].map((workerId, index) => ({
    workerId,
    meshAddress: `m${index + 1}`,
    ranks: { lo: Math.min(index, 2), hi: Math.min(index + 1, 2) },
  }));
  const resume = { type: 'resume', generation: 7, phase: 'teacher', ops: 0, members, heals: [] } as const;
  const entering = (): Worker => {
    const worker = new Worker().joined().hears({ type: 'pause', generation: 7, boundary: false });
    return worker.hears({ ...resume, members: [...members], heals: [] });
  };
  const built = (worker: Worker): Worker => {
    const { phase } = worker.effects.find(({ type }) => type === 'build') as WorkerEffect & { type: 'build' };
    return worker.on({ type: 'built', phase, layout: { gradients: 1, otherWeights: 0 }, ...memoryOf(17) });
  };
  const routed = {
    type: 'routed',
    generation: 7,
    routes: [{ address: 'a2', network: 'eth0' }, { address: 'm3' }],
  } as const;
  const waitingFor = (worker: Worker): unknown => {
    const [beat] = worker.on({ type: 'heartbeatDue' }).sent as [ToCoordinator & { type: 'heartbeat' }];
    return beat.busy ? 'busy' : beat.waitingFor;
  };

  test('are made once it is known how members are reached, and whoever does not greet is named', () => {
    const worker = built(entering());
    expect(waitingFor(worker)).toBe('busy');
    expect(worker.on(routed).effects).toEqual([
      { type: 'send', message: { type: 'reached', routes: [{ workerId: 'w2', route: routed.routes[0] }] } },
      expect.objectContaining({ type: 'link', generation: 7, addresses: ['m1', 'a2', 'm3'] }),
    ]);
    expect(waitingFor(worker)).toEqual([1, 2]);
    worker.on({ type: 'greeted', generation: 7, from: 2 });
    expect(waitingFor(worker)).toEqual([1]);
    worker.on({ type: 'greeted', generation: 7, from: 1 });
    expect(worker.on({ type: 'linked', generation: 7, files: new Map() }).effects.map(({ type }) => type)).toEqual([
      'hash',
    ]);
  });

  test('are not made any more once another generation is announced', () => {
    const worker = entering().hears({ type: 'pause', generation: 8, boundary: false });
    expect(worker.on(routed).effects).toEqual([]);
  });

  test('that break put their way in doubt, also after the first, but not if a new generation cuts them', () => {
    const worker = built(entering()).on(routed);
    const lost = (from: number): WorkerEffect[] =>
      worker.on({
        type: 'peerLost',
        generation: 7,
        from,
        meshAddress: members[from]!.meshAddress,
        linking: false,
        reason: 'reset',
      }).effects;
    expect(lost(1)).toEqual([
      { type: 'forgetRoute', meshAddress: 'm2' },
      expect.objectContaining({ message: expect.objectContaining({ type: 'unreachable', peer: 1 }) }),
    ]);
    expect(lost(2)).toEqual([{ type: 'forgetRoute', meshAddress: 'm3' }]);
    worker.hears({ type: 'pause', generation: 8, boundary: false });
    expect(lost(2)).toEqual([]);
  });

  test('are cut by a worker that has no part in the next generation', () => {
    const worker = built(entering()).hears({ type: 'pause', generation: 8, boundary: false });
    expect(worker.hears({ ...resume, generation: 8, members: members.slice(1), heals: [] }).effects).toEqual([
      { type: 'unlink', before: 8 },
    ]);
    expect(worker.state.activity.type).toBe('paused');
  });
});
