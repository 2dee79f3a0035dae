// The control plane: messages between coordinator and workers, their schemas and their encoding (MessagePack).
// docs/protocol.md describes each; a frame that does not fit its schema is a protocol violation.
import { pack, unpack } from 'msgpackr';
import { z } from 'zod';
import { StillhouseError } from '../error/errors.js';
import { limits } from '../error/limits.js';
import { joinBytes } from '../format/safetensors.js';
import type { ExportedModel } from '../format/model-files.js';
import type { Job } from '../job/job.js';
import { phaseNames, storedPhaseName } from '../job/phase-name.js';
import type { Metrics } from '../metric/metrics.js';
import { recipeSchema } from '../recipe/schema.js';

/** Raised whenever a message changes its meaning; both sides must have the same version. */
export const protocolVersion = 8;

const index = z
  .int()
  .min(0)
  .max(2 ** 40);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const errorRecord = z.object({
  code: z.string(),
  message: z.string().max(100_000),
  next: z.string().max(10_000).optional(),
  stack: z.string().max(100_000).optional(),
});
/** Any double: a diverging model's loss may be infinite. */
const real = z.custom<number>((value) => typeof value === 'number');
const metrics = z
  .record(z.string(), real)
  .refine(({ loss, rows }) => loss !== undefined && rows !== undefined, 'loss or rows are missing')
  .transform((value) => value as Metrics);
const ledger = z.object({ rows: index, sumA: index, sumB: index });
const phaseName = z.enum(phaseNames);
const member = z.object({ workerId: z.string(), meshAddress: z.string(), ranks: z.object({ lo: index, hi: index }) });

const calibrated = z.object({ loss: real, ece: real });
const calibration = z.object({ temperature: real, rows: index, before: calibrated, after: calibrated });

export const exportedModel: z.ZodType<ExportedModel> = z.object({
  topology: z.string(),
  weights: z.array(z.object({ name: z.string(), shape: z.array(index), trainable: z.boolean() })),
  data: bytes,
  parameters: index,
});

const epochReport = z.object({
  epoch: index,
  ledger,
  trainLoss: real,
  learningRate: z.number(),
  weightsSha256: sha256,
  validation: metrics.optional(),
});
const test = z.object({ metrics, weightsSha256: sha256 });
/** TrainingState on the wire: exactly what training-state.ts declares. */
export const trainingState = z.object({
  phase: storedPhaseName,
  ops: index,
  step: index,
  ledger,
  lossSum: real,
  samples: index,
  epochs: z.array(epochReport),
  stopped: z.string().optional(),
  test: test.optional(),
});
const jobSchema = z.object({
  runId: z.string(),
  recipe: recipeSchema,
  dataset: z.looseObject({
    inputShape: z.array(index),
    outputs: index,
    sets: z.record(z.string(), z.looseObject({}).optional()),
  }),
  assets: z.looseObject({}),
  blockFolder: z.string().optional(),
});
/** The value itself, because its defaults are filled in already. */
const job = z
  .unknown()
  .superRefine((value, context) => {
    const { error } = jobSchema.safeParse(value);
    for (const { path, message } of error?.issues ?? []) context.addIssue({ code: 'custom', path, message });
  })
  .transform((value) => value as Job);
const block = z.object({ type: z.literal('block'), hash: sha256, bytes });
/** The position of a worker's weights and optimiser state. */
const held = z.object({ phase: phaseName, ops: index });
export type Held = z.infer<typeof held>;
const members = z.array(member).min(1).max(limits.workerCount);
const stage = z.enum(['idle', 'paused', 'preparing', 'ready', 'running', 'finished', 'failing']);

const toCoordinator = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('hello'),
    protocol: z.int(),
    version: z.string(),
    token: z.string(),
    host: z.string().max(1000),
    instance: z.string().min(1).max(100),
    term: index,
    runId: z.string().optional(),
    workerId: z
      .string()
      .regex(/^w\d{1,9}$/)
      .optional(),
  }),
  z.object({
    type: z.literal('join'),
    fingerprint: z.string().max(1000),
    choice: z.string().max(10_000),
    meshAddress: z.string().max(1000),
    generation: index,
    held: held.optional(),
    running: members.optional(),
    leaving: z.boolean(),
  }),
  z.object({ type: z.literal('paused'), generation: index, held: held.optional() }),
  z.object({
    type: z.literal('ready'),
    generation: index,
    ops: index,
    parameters: index,
    stateSha256: sha256,
    weightsSha256: sha256,
  }),
  z.object({ type: z.literal('progress'), generation: index, step: index, loss: real }),
  z.object({ type: z.literal('epoch'), phase: phaseName, report: epochReport }),
  z.object({
    type: z.literal('done'),
    phase: phaseName,
    steps: index,
    samples: index,
    waitedMs: z.number().min(0),
    weightsSha256: sha256,
    test: metrics,
    stopped: z.string(),
    calibration: calibration.optional(),
    teacherTest: metrics.optional(),
    model: exportedModel.optional(),
  }),
  z.object({
    type: z.literal('unreachable'),
    generation: index,
    peer: index,
    linking: z.boolean(),
    reason: z.string().max(10_000),
  }),
  z.object({ type: z.literal('getBlock'), hash: sha256, direct: z.boolean() }),
  z.object({ type: z.literal('statePart'), token: z.string(), id: index, held, offset: index, total: index, bytes }),
  z.object({
    type: z.literal('failed'),
    error: errorRecord,
    step: index.optional(),
    rank: index.optional(),
    lastGood: exportedModel.optional(),
  }),
  z.object({ type: z.literal('leaving') }),
  z.object({
    type: z.literal('heartbeat'),
    generation: index,
    stage,
    busy: z.boolean(),
    progress: index,
    waitingFor: z.array(index).max(limits.workerCount),
    rankMs: z.number().min(0).optional(),
    exchangeMs: z.number().min(0).optional(),
  }),
]);

const toWorker = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('welcome'),
    workerId: z.string(),
    term: index,
    meshToken: z.string(),
    phase: phaseName.optional(),
    job,
  }),
  z.object({ type: z.literal('rejected'), error: errorRecord }),
  z.object({ type: z.literal('pause'), generation: index, boundary: z.boolean() }),
  z.object({
    type: z.literal('resume'),
    generation: index,
    phase: phaseName,
    ops: index,
    members,
    heals: z.array(z.object({ to: index, from: index })),
    checkpoint: sha256.optional(),
    teacher: sha256.optional(),
    tuned: z.record(z.string(), real).optional(),
  }),
  z.object({ type: z.literal('start'), generation: index }),
  block,
  z.object({ type: z.literal('blockAt'), hash: sha256, meshAddress: z.string().max(1000) }),
  z.object({ type: z.literal('capture'), id: index }),
  z.object({ type: z.literal('nextPart'), offset: index }),
  z.object({ type: z.literal('heartbeat'), phase: phaseName.optional(), epochs: index, done: z.boolean() }),
  z.object({ type: z.literal('stop'), error: errorRecord.optional() }),
]);

/** First frame on a link between workers: which member connects, for which generation; or a request for blocks. */
const meshHello = z.union([
  z.object({ token: z.string().max(1000), generation: index, index: index }),
  z.object({ token: z.string().max(1000), blocks: z.literal(true) }),
]);

/** What follows on a link for blocks: requests one way, answers the other. */
const blockQuestion = z.object({ type: z.literal('getBlock'), hash: sha256 });
const blockAnswer = z.discriminatedUnion('type', [block, z.object({ type: z.literal('noBlock'), hash: sha256 })]);

export type MeshHello = z.infer<typeof meshHello>;
export type BlockQuestion = z.infer<typeof blockQuestion>;
export type BlockAnswer = z.infer<typeof blockAnswer>;
export type ToCoordinator = z.infer<typeof toCoordinator>;
export type ToWorker = z.infer<typeof toWorker>;
export type Member = z.infer<typeof member>;

/**
 * First byte of a frame whose bytes follow the message instead of being part of it; MessagePack never begins with it.
 */
const bytesFollow = 0xc1;
const prefixBytes = 5;
/** From this length on, copying costs more than a second part of a frame. */
const longBytes = 64 * 1024;

/** The message as the parts of one frame; long byte arrays share their memory. */
export function encodeMessage(
  message: ToCoordinator | ToWorker | MeshHello | BlockQuestion | BlockAnswer,
): Uint8Array[] {
  if (!('bytes' in message) || message.bytes.byteLength < longBytes) return [pack(message)];
  const { bytes: tail, ...rest } = message;
  const head = pack(rest);
  const prefix = new Uint8Array(prefixBytes);
  prefix[0] = bytesFollow;
  new DataView(prefix.buffer).setUint32(1, head.byteLength, true);
  return [joinBytes([prefix, head]), tail];
}

function unpackFrame(frame: Uint8Array): unknown {
  if (frame[0] !== bytesFollow || frame.byteLength < prefixBytes) return unpack(frame);
  const end = prefixBytes + new DataView(frame.buffer, frame.byteOffset).getUint32(1, true);
  return { ...(unpack(frame.subarray(prefixBytes, end)) as object), bytes: frame.subarray(end) };
}

function decode<T>(schema: z.ZodType<T>, frame: Uint8Array): T {
  let value: unknown;
  try {
    value = unpackFrame(frame);
  } catch (cause) {
    throw new StillhouseError('PROTOCOL_VIOLATION', 'a message is not MessagePack', { cause });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const type = typeof value === 'object' && value !== null && 'type' in value ? String(value.type) : 'without a type';
  throw new StillhouseError(
    'PROTOCOL_VIOLATION',
    `a message ${type} does not fit: ${issue?.path.join('.')} ${issue?.message}`,
  );
}

/** @throws StillhouseError PROTOCOL_VIOLATION */
export const decodeToCoordinator = (frame: Uint8Array): ToCoordinator => decode(toCoordinator, frame);
/** @throws StillhouseError PROTOCOL_VIOLATION */
export const decodeToWorker = (frame: Uint8Array): ToWorker => decode(toWorker, frame);
/** @throws StillhouseError PROTOCOL_VIOLATION */
export const decodeMeshHello = (frame: Uint8Array): MeshHello => decode(meshHello, frame);
/** @throws StillhouseError PROTOCOL_VIOLATION */
export const decodeBlockQuestion = (frame: Uint8Array): BlockQuestion => decode(blockQuestion, frame);
/** @throws StillhouseError PROTOCOL_VIOLATION */
export const decodeBlockAnswer = (frame: Uint8Array): BlockAnswer => decode(blockAnswer, frame);
