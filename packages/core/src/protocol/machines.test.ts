// What the machines decide where things go wrong. Whole runs are simulated in test/simulation.
import { expect, test } from 'vitest';
import type { Job } from '../job.js';
import { limits } from '../limits.js';
import { parseRecipe } from '../recipe/parse.js';
import { emptyLedger, wholeLedger } from '../ledger.js';
import { coordinatorStep, initialCoordinatorState, type CoordinatorEffect, type CoordinatorEvent, type CoordinatorState } from './coordinator-machine.js';
import { decodeToCoordinator, decodeToWorker, encodeMessage, protocolVersion, type ToCoordinator, type ToWorker } from './messages.js';
import { initialWorkerState, workerStep } from './worker-machine.js';

const sha = (digit: string): string => digit.repeat(64);
const source = { generator: 'noise', rows: 1 } as const;
const recipe = parseRecipe({ ranks: 2, loss: 'mse', data: { large: source, test: source }, teacher: { model: { layers: [{ dense: 1 }] }, epochs: 1, batch: 4 } });
const set = { rowCount: 4, blockRows: 4, blocks: [sha('a')] };
const job: Job = { runId: 'r', recipe, assets: {}, dataset: { inputShape: [1], dtype: 'F32', scale: 1, outputs: 1, labelCount: 1, targets: [], sets: { large: set, test: set } } };

class Coordinator {
  state: CoordinatorState;
  effects: CoordinatorEffect[] = [];
  now = 0;

  constructor(workers: number, allowMixed = false) {
    this.state = initialCoordinatorState({ job, token: 't', meshToken: 'm', workers, allowMixed, joinTimeoutMs: 10_000 }, 0);
  }

  on(event: CoordinatorEvent): this {
    const { state, effects } = coordinatorStep(this.state, event, this.now);
    this.state = state;
    this.effects = [...effects];
    return this;
  }

  message(link: number, message: ToCoordinator): this {
    return this.on({ type: 'message', link, message });
  }

  hello(link: number, change: object = {}): this {
    return this.message(link, { type: 'hello', protocol: protocolVersion, version: '0', token: 't', host: `h${link}`, ...change });
  }

  join(link: number, fingerprint = 'engine'): this {
    return this.hello(link).message(link, { type: 'join', fingerprint, choice: 'toy: asked for', meshAddress: `mesh${link}` });
  }

  ready(link: number, weights = sha('1')): this {
    return this.message(link, { type: 'ready', generation: this.state.generation, step: 0, parameters: 2, weightsSha256: weights });
  }

  sent(link: number): ToWorker[] {
    return this.effects.flatMap((effect) => (effect.type === 'send' && effect.link === link ? [effect.message] : []));
  }

  get ended(): string | undefined {
    const effect = this.effects.find((candidate) => candidate.type === 'end');
    return effect?.type === 'end' ? effect.error?.code : undefined;
  }
}

const epoch = (generation: number, rows: number, weights = sha('1')): ToCoordinator => ({ type: 'epoch', generation, epoch: 0, ledger: rows === 4 ? wholeLedger(4) : { ...emptyLedger, rows }, weightsSha256: weights, trainLoss: 1, learningRate: 0.1 });

test.each([
  ['another protocol version', { protocol: protocolVersion + 1 }, 'PROTOCOL_VERSION'],
  ['a wrong token', { token: 'x' }, 'TOKEN_REJECTED'],
])('a worker with %s is refused and the others go on', (_, change, code) => {
  const coordinator = new Coordinator(1).hello(1, change);
  expect(coordinator.sent(1)).toEqual([expect.objectContaining({ type: 'rejected', error: expect.objectContaining({ code }) })]);
  expect(coordinator.effects).toContainEqual({ type: 'close', link: 1 });
  expect(coordinator.join(2).sent(2)).toEqual([expect.objectContaining({ type: 'assign', generation: 1 })]);
});

test('an engine with another fingerprint is refused unless a mix is allowed', () => {
  expect(new Coordinator(2).join(1).join(2, 'other').sent(2)).toEqual([expect.objectContaining({ type: 'rejected', error: expect.objectContaining({ code: 'FINGERPRINT_MISMATCH' }) })]);
  expect(new Coordinator(2, true).join(1).join(2, 'other').sent(2)).toEqual([expect.objectContaining({ type: 'assign' })]);
});

test('a worker that comes after the start is told so', () => {
  expect(new Coordinator(1).join(1).hello(2).sent(2)).toEqual([expect.objectContaining({ type: 'rejected', error: expect.objectContaining({ code: 'RUN_STARTED' }) })]);
});

test('ranks are dealt once all have joined; steps begin once all are ready with equal weights', () => {
  const coordinator = new Coordinator(3).join(1).join(2).join(3);
  expect(coordinator.sent(1)).toEqual([expect.objectContaining({ members: [expect.objectContaining({ workerId: 'w1', ranks: { lo: 0, hi: 1 } }), expect.objectContaining({ workerId: 'w2', ranks: { lo: 1, hi: 2 } })] })]);
  // Two ranks: the third worker has none.
  expect(coordinator.sent(3)).toEqual([]);
  expect(coordinator.ready(1).sent(1)).toEqual([]);
  expect(coordinator.ready(2).sent(2)).toEqual([{ type: 'start', generation: 1, step: 0 }]);
});

test('different weights, at the start or after an epoch, end the run', () => {
  expect(new Coordinator(2).join(1).join(2).ready(1).ready(2, sha('2')).ended).toBe('MODEL_DIVERGED');
  expect(new Coordinator(2).join(1).join(2).ready(1).ready(2).message(1, epoch(1, 4)).message(2, epoch(1, 0, sha('2'))).ended).toBe('MODEL_DIVERGED');
});

test('an epoch that did not use each row once ends the run', () => {
  const started = (): Coordinator => new Coordinator(2).join(1).join(2).ready(1).ready(2);
  expect(started().message(1, epoch(1, 4)).message(2, epoch(1, 0)).ended).toBeUndefined();
  expect(started().message(1, epoch(1, 4)).message(2, epoch(1, 1)).ended).toBe('LEDGER_BROKEN');
  expect(started().message(1, epoch(1, 3)).message(2, epoch(1, 0)).ended).toBe('LEDGER_BROKEN');
});

test('a worker lost during the run ends it; one lost before does not', () => {
  const before = new Coordinator(2).join(1).on({ type: 'closed', link: 1, reason: 'gone' });
  expect(before.ended).toBeUndefined();
  expect(before.join(2).join(3).sent(2)).toEqual([expect.objectContaining({ type: 'assign' })]);
  const during = new Coordinator(2).join(1).join(2).on({ type: 'closed', link: 2, reason: 'gone' });
  expect(during.ended).toBe('WORKER_LOST');
  expect(during.sent(1)).toEqual([expect.objectContaining({ type: 'stop', error: expect.objectContaining({ message: 'worker w2 (h2) is gone: gone' }) })]);
});

test('silence and absence have their limits', () => {
  const silent = new Coordinator(1).join(1);
  silent.now = limits.heartbeatTimeoutMs + 1;
  expect(silent.on({ type: 'tick' }).ended).toBe('WORKER_LOST');
  const alive = new Coordinator(1).join(1);
  alive.now = limits.heartbeatTimeoutMs + 1;
  expect(alive.message(1, { type: 'heartbeat' }).on({ type: 'tick' }).ended).toBeUndefined();
  const waiting = new Coordinator(2).join(1);
  waiting.now = 10_001;
  expect(waiting.message(1, { type: 'heartbeat' }).on({ type: 'tick' }).ended).toBe('WORKERS_MISSING');
});

test('a bug in a worker is told with worker, step and stack; bad input as it is', () => {
  const failed = new Coordinator(1).join(1).ready(1).message(1, { type: 'failed', step: 7, error: { code: 'BUG', message: 'x is undefined', stack: 'at y' } });
  expect(failed.effects.at(-1)).toEqual({ type: 'end', error: { code: 'WORKER_FAILED', message: 'worker w1 (h1), step 7: x is undefined', stack: 'at y' } });
  const input = new Coordinator(1).hello(1).message(1, { type: 'failed', error: { code: 'MODEL_SHAPE', message: 'teacher.model gives …' } });
  expect(input.effects.at(-1)).toEqual({ type: 'end', error: { code: 'MODEL_SHAPE', message: 'teacher.model gives …' } });
});

test('what cannot be decoded ends a member’s run, and is refused from a stranger', () => {
  const error = { code: 'PROTOCOL_VIOLATION', message: 'a message is not MessagePack' } as const;
  expect(new Coordinator(1).on({ type: 'broken', link: 9, error }).effects).toEqual([{ type: 'send', link: 9, message: { type: 'rejected', error } }, { type: 'close', link: 9 }]);
  expect(new Coordinator(1).join(1).on({ type: 'broken', link: 1, error }).ended).toBe('PROTOCOL_VIOLATION');
  expect(new Coordinator(1).message(9, { type: 'heartbeat' }).effects).toEqual([{ type: 'close', link: 9 }]);
});

test('after its end a run does nothing any more', () => {
  const over = new Coordinator(1).join(1).on({ type: 'interrupt', error: { code: 'INTERRUPTED', message: 'stop' } });
  expect(over.ended).toBe('INTERRUPTED');
  expect(over.message(1, { type: 'heartbeat' }).effects).toEqual([]);
  // Whoever comes late is sent away.
  expect(over.hello(2).sent(2)).toEqual([expect.objectContaining({ type: 'rejected' })]);
});

test('messages survive their encoding; what does not fit its schema is a protocol violation', () => {
  const message: ToCoordinator = { type: 'progress', generation: 1, step: 2, loss: Infinity };
  expect(decodeToCoordinator(encodeMessage(message))).toEqual(message);
  const block: ToWorker = { type: 'block', hash: sha('a'), bytes: Uint8Array.of(1, 2) };
  const decoded = decodeToWorker(encodeMessage(block));
  expect(decoded.type === 'block' && [...decoded.bytes]).toEqual([1, 2]);
  for (const bad of [Uint8Array.of(0xc1), encodeMessage({ ...message, step: -1 }), encodeMessage(block)]) {
    expect(() => decodeToCoordinator(bad)).toThrow(expect.objectContaining({ code: 'PROTOCOL_VIOLATION' }));
  }
});

test('a worker that is told of its refusal, or loses its coordinator, exits with the reason', () => {
  const rejected = workerStep(initialWorkerState, { type: 'message', message: { type: 'rejected', error: { code: 'TOKEN_REJECTED', message: 'no' } } }, 0);
  expect(rejected.effects.at(-1)).toEqual({ type: 'exit', error: { code: 'TOKEN_REJECTED', message: 'no' } });
  const lost = workerStep(initialWorkerState, { type: 'coordinatorLost', reason: '' }, 0);
  expect(lost.effects.at(-1)).toMatchObject({ type: 'exit', error: { code: 'COORDINATOR_LOST' } });
  expect(workerStep(lost.state, { type: 'heartbeatDue' }, 0).effects).toEqual([]);
});

test('a message that no coordinator may send now is a protocol violation', () => {
  expect(() => workerStep(initialWorkerState, { type: 'message', message: { type: 'start', generation: 1, step: 0 } }, 0)).toThrow(expect.objectContaining({ code: 'PROTOCOL_VIOLATION' }));
});
