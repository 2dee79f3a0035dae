// A coordinator that tests talk to as workers do.
import { emptyLedger, wholeLedger } from '../order/ledger.js';
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
import { job, recipe, sha } from './small-job.test.fixture.js';

/** A hundred epochs of one step. */
const longJob = {
  ...job,
  recipe: { ...recipe, teacher: { ...recipe.teacher, epochs: 100 } as typeof recipe.teacher },
};

/** A coordinator with its time, and what it did last. */
export class Coordinator {
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

/** A report of the first epoch. */
export const epoch = (rows: number, weights = sha('1')): ToCoordinator => ({
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
