// The control plane: messages between coordinator and workers, their schemas and their encoding (MessagePack).
// docs/protocol.md describes each; a frame that does not fit its schema is a protocol violation.
import { Packr } from 'msgpackr';
import { z } from 'zod';
import { errorKinds, StillhouseError, type ErrorRecord } from '../error/errors.js';
import { limits } from '../error/limits.js';
import { isPrintable, printableLine, printableText } from '../error/printable.js';
import { joinBytes } from '../format/safetensors.js';
import type { ExportedModel } from '../format/model-files.js';
import type { Job } from '../job/job.js';
import { phaseNames, storedPhaseName } from '../job/phase-name.js';
import type { Metrics } from '../metric/metrics.js';
import { recipeSchema } from '../recipe/schema.js';
import { unpackBounded, type UnpackBounds } from './bounded-unpack.js';

/** Raised whenever a message changes its meaning; both sides must have the same version. */
export const protocolVersion = 12;

const index = z
  .int()
  .min(0)
  .max(2 ** 40);
/** Generations, operations and segments travel in 32 bits between workers. */
const generation = z
  .int()
  .min(0)
  .max(2 ** 32 - 1);
const memberIndex = z
  .int()
  .min(0)
  .max(limits.workerCount - 1);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
/** A name that is printed: without characters that a terminal would obey. */
const line = (length: number) => z.string().max(length).refine(isPrintable);
const name = line(limits.nameLength);
/** Text that is printed as it is, except for characters that a terminal would obey. */
const shownText = z
  .string()
  .max(limits.errorLength)
  .transform((text) => printableText(text, limits.errorLength));
const errorRecord = z.object({
  code: z.custom<ErrorRecord['code']>(
    (value) => typeof value === 'string' && (value === 'BUG' || Object.hasOwn(errorKinds, value)),
  ),
  message: shownText,
  next: shownText.optional(),
  stack: shownText.optional(),
});
/** Any double: a diverging model's loss may be infinite. */
const real = z.custom<number>((value) => typeof value === 'number');

/**
 * A list whose elements fit a schema. The first element that does not fit ends the check, unlike z.array's: a list of
 * many would take long.
 */
const listOf = <Item extends z.ZodType>(item: Item, most: number) =>
  z.unknown().transform((value, context): z.output<Item>[] => {
    const refuse = (): never => {
      context.addIssue({ code: 'custom', message: 'is not a list of what belongs there' });
      return z.NEVER;
    };
    if (!Array.isArray(value) || value.length > most) return refuse();
    const items: z.output<Item>[] = [];
    for (const each of value) {
      const { data, success } = item.safeParse(each);
      if (!success) return refuse();
      items.push(data);
    }
    return items;
  });

/** Metrics by name. */
const metrics = z.unknown().transform((value, context): Metrics => {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  const fits =
    entries.length <= limits.metricCount &&
    entries.every(([key, each]) => typeof each === 'number' && key.length <= limits.nameLength && isPrintable(key));
  const { loss, rows } = Object.fromEntries(entries) as Partial<Metrics>;
  if (fits && loss !== undefined && rows !== undefined) return Object.fromEntries(entries) as unknown as Metrics;
  context.addIssue({ code: 'custom', message: 'are not metrics with loss and rows' });
  return z.NEVER;
});
const ledger = z.object({ rows: index, sumA: index, sumB: index });
const phaseName = z.enum(phaseNames);
const rank = z.int().min(0).max(limits.rankCount);
const workerId = z.string().regex(/^w\d{1,15}$/);
const meshAddress = line(limits.lineLength);
/** Where other workers reach one: the address that names it, and others of the same machine that may be faster. */
const reach = z.object({
  meshAddress,
  alternatives: listOf(meshAddress, limits.meshAlternatives).optional(),
});
const member = reach.extend({ workerId, ranks: z.object({ lo: rank, hi: rank }) });
/** The address at which a worker reaches another one, over which interface, and what was measured there. */
const route = z.object({
  address: meshAddress,
  network: name.optional(),
  bytesPerSecond: z.number().min(0).optional(),
  latencyMs: z.number().min(0).optional(),
});

const calibrated = z.object({ loss: real, ece: real });
const calibration = z.object({ temperature: real, rows: index, before: calibrated, after: calibrated });

const weightSpec = z.object({
  name: z.string().max(limits.lineLength),
  shape: listOf(index, 16),
  trainable: z.boolean(),
});
const numbersIn = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
export const exportedModel: z.ZodType<ExportedModel> = z
  .object({
    topology: z.string(),
    weights: listOf(weightSpec, limits.workerMessageValues),
    data: bytes,
    parameters: index,
  })
  .refine(({ weights, data }) => weights.reduce((sum, { shape }) => sum + 4 * numbersIn(shape), 0) === data.byteLength);

const epochReport = z.object({
  epoch: index,
  ledger,
  trainLoss: real,
  learningRate: z.number(),
  weightsSha256: sha256,
  validation: metrics.optional(),
});
const test = z.object({ metrics, weightsSha256: sha256 });
const milliseconds = z.number().min(0);
const durations = z.object({ meanMs: milliseconds, p50Ms: milliseconds, p95Ms: milliseconds });
/** TrainingState on the wire: exactly what training-state.ts declares. */
export const trainingState = z.object({
  phase: storedPhaseName,
  ops: index,
  step: index,
  ledger,
  lossSum: real,
  samples: index,
  epochs: listOf(epochReport, limits.messageValues),
  stopped: shownText.optional(),
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
const members = listOf(member, limits.workerCount).refine(({ length }) => length > 0);
const stage = z.enum(['idle', 'paused', 'preparing', 'ready', 'running', 'finished', 'failing']);

const toCoordinator = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('hello'),
    protocol: z.int(),
    version: line(64),
    token: z.string().max(limits.lineLength),
    host: name,
    instance: name.min(1),
    term: index,
    runId: name.optional(),
    workerId: workerId.optional(),
  }),
  z.object({
    type: z.literal('join'),
    fingerprint: line(limits.lineLength),
    choice: z
      .string()
      .max(10 * limits.lineLength)
      .transform((text) => printableLine(text, 10 * limits.lineLength)),
    ...reach.shape,
    generation,
    held: held.optional(),
    running: members.optional(),
    leaving: z.boolean(),
  }),
  z.object({ type: z.literal('paused'), generation, held: held.optional() }),
  z.object({
    type: z.literal('ready'),
    generation,
    ops: index,
    parameters: index,
    stateSha256: sha256,
    weightsSha256: sha256,
  }),
  z.object({ type: z.literal('progress'), generation, step: index, loss: real.optional() }),
  z.object({ type: z.literal('epoch'), phase: phaseName, report: epochReport }),
  z.object({
    type: z.literal('done'),
    phase: phaseName,
    steps: index,
    samples: index,
    waitedMs: milliseconds,
    waits: z.object({ steps: index, data: durations.optional(), exchange: durations.optional() }),
    weightsSha256: sha256,
    test: metrics,
    stopped: line(limits.lineLength),
    calibration: calibration.optional(),
    teacherTest: metrics.optional(),
    model: exportedModel.optional(),
  }),
  z.object({
    type: z.literal('unreachable'),
    generation,
    peer: memberIndex,
    linking: z.boolean(),
    reason: z
      .string()
      .max(10 * limits.lineLength)
      .transform((text) => printableLine(text, limits.lineLength)),
  }),
  z.object({
    type: z.literal('reached'),
    routes: listOf(z.object({ workerId, route }), limits.workerCount),
  }),
  z.object({ type: z.literal('probed'), id: index, reached: z.int().min(0).max(limits.workerCount) }),
  z.object({ type: z.literal('getBlock'), hash: sha256, direct: z.boolean() }),
  z.object({ type: z.literal('upload'), id: index, key: z.string().max(100) }),
  z.object({ type: z.literal('statePart'), id: index, held, offset: index, total: index, bytes }),
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
    generation,
    stage,
    busy: z.boolean(),
    progress: index,
    waitingFor: listOf(memberIndex, limits.workerCount),
    rankMs: milliseconds.optional(),
    dataMs: milliseconds.optional(),
    exchangeMs: milliseconds.optional(),
  }),
]);

const toWorker = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('welcome'),
    workerId,
    term: index,
    meshToken: z.string(),
    phase: phaseName.optional(),
    job,
  }),
  z.object({ type: z.literal('rejected'), error: errorRecord }),
  z.object({ type: z.literal('pause'), generation, boundary: z.boolean() }),
  z.object({
    type: z.literal('resume'),
    generation,
    phase: phaseName,
    ops: index,
    members,
    /** Number of each member's host, unless each has its own. */
    hosts: listOf(memberIndex, limits.workerCount).optional(),
    heals: listOf(z.object({ to: memberIndex, from: memberIndex }), limits.workerCount),
    checkpoint: sha256.optional(),
    teacher: sha256.optional(),
    tuned: z.record(z.string(), real).optional(),
  }),
  z.object({ type: z.literal('start'), generation }),
  z.object({ type: z.literal('probe'), id: index, workers: listOf(reach, limits.probingMembers) }),
  block,
  z.object({ type: z.literal('blockAt'), hash: sha256, meshAddress }),
  z.object({ type: z.literal('capture'), id: index, key: z.string().max(100) }),
  z.object({ type: z.literal('nextPart'), offset: index }),
  z.object({ type: z.literal('heartbeat'), phase: phaseName.optional(), epochs: index, done: z.boolean() }),
  z.object({ type: z.literal('stop'), error: errorRecord.optional() }),
]);

/** Where processes of the same host find a worker's shared memory, and how they know that it is the right one. */
const memoryOffer = z.object({ pid: index, file: index, nonce: z.string().regex(/^[0-9a-f]{64}$/) });

/**
 * First frame on a link between workers: which member connects, for which generation, and the memory that it shares if
 * it can; or that blocks will be requested, or the link measured.
 */
const meshHello = z.union([
  z.object({
    token: z.string().max(limits.lineLength),
    generation,
    index: memberIndex,
    memory: memoryOffer.optional(),
  }),
  z.object({ token: z.string().max(limits.lineLength), blocks: z.literal(true) }),
  z.object({ token: z.string().max(limits.lineLength), measures: z.literal(true) }),
]);

/** What follows on a link for blocks: requests one way, answers the other. */
const blockQuestion = z.object({ type: z.literal('getBlock'), hash: sha256 });
const blockAnswer = z.discriminatedUnion('type', [block, z.object({ type: z.literal('noBlock'), hash: sha256 })]);

/** What follows on a link that is measured: bytes are requested, and sent by the worker of this address. */
const measureQuestion = z.object({
  type: z.literal('measure'),
  length: z.int().min(0).max(limits.measuredBytes),
});
const measureAnswer = z.object({ type: z.literal('measured'), meshAddress, bytes });

export type MemoryOffer = z.infer<typeof memoryOffer>;
export type MeshHello = z.infer<typeof meshHello>;
export type BlockQuestion = z.infer<typeof blockQuestion>;
export type BlockAnswer = z.infer<typeof blockAnswer>;
export type MeasureQuestion = z.infer<typeof measureQuestion>;
export type MeasureAnswer = z.infer<typeof measureAnswer>;
export type Reach = z.infer<typeof reach>;
export type Route = z.infer<typeof route>;
export type ToCoordinator = z.infer<typeof toCoordinator>;
export type ToWorker = z.infer<typeof toWorker>;
export type Member = z.infer<typeof member>;

/** Values that are undefined are left out: MessagePack has none. */
const packrOptions = { useRecords: false, skipValues: [undefined] };
const packr = new Packr(packrOptions);

/**
 * First byte of a frame whose bytes follow the message instead of being part of it; MessagePack never begins with it.
 */
const bytesFollow = 0xc1;
const prefixBytes = 5;
/** From this length on, copying costs more than a second part of a frame. */
const longBytes = 64 * 1024;

/** The message as the parts of one frame; long byte arrays share their memory. */
export function encodeMessage(
  message: ToCoordinator | ToWorker | MeshHello | BlockQuestion | BlockAnswer | MeasureQuestion | MeasureAnswer,
): Uint8Array[] {
  if (!('bytes' in message) || message.bytes.byteLength < longBytes) return [packr.pack(message)];
  const { bytes: tail, ...rest } = message;
  const head = packr.pack(rest);
  const prefix = new Uint8Array(prefixBytes);
  prefix[0] = bytesFollow;
  new DataView(prefix.buffer).setUint32(1, head.byteLength, true);
  return [joinBytes([prefix, head]), tail];
}

type Unpacked = { value: unknown } | { unfit: string };

function unpackFrame(frame: Uint8Array, bounds: UnpackBounds): Unpacked {
  if (frame[0] !== bytesFollow || frame.byteLength < prefixBytes) return unpackBounded(frame, bounds);
  const end = prefixBytes + new DataView(frame.buffer, frame.byteOffset).getUint32(1, true);
  if (end > frame.byteLength) return { unfit: 'it is cut off' };
  const head = unpackBounded(frame.subarray(prefixBytes, end), bounds);
  if ('unfit' in head) return head;
  const isMap = typeof head.value === 'object' && head.value !== null && !Array.isArray(head.value);
  return isMap
    ? { value: { ...(head.value as object), bytes: frame.subarray(end) } }
    : { unfit: 'bytes follow something other than a message' };
}

/** A violation by someone who sends messages; its text names only what this version knows. */
const violation = (why: string): StillhouseError => new StillhouseError('PROTOCOL_VIOLATION', why);

function decode<T>(schema: z.ZodType<T>, frame: Uint8Array, bounds: UnpackBounds): T {
  const unpacked = unpackFrame(frame, bounds);
  if ('unfit' in unpacked) throw violation(`a message is not valid: ${unpacked.unfit}`);
  const result = schema.safeParse(unpacked.value);
  if (result.success) return result.data;
  throw violation(misfit(schema, unpacked.value, result.error));
}

/** The type of a message that does not fit, and the field, if they are ones that messages have. */
function misfit(schema: z.ZodType, value: unknown, { issues: [issue] }: z.ZodError): string {
  const type = typeof value === 'object' && value !== null && 'type' in value ? value.type : undefined;
  const shape =
    schema instanceof z.ZodDiscriminatedUnion
      ? schema.options
          .map((option) => (option as z.ZodObject).shape as Record<string, z.ZodType>)
          .find((each) => (each['type'] as z.ZodLiteral).value === type)
      : undefined;
  if (!shape) return 'a message is of no known type';
  const [field, ...rest] = issue?.path ?? [];
  if (typeof field !== 'string' || !Object.hasOwn(shape, field)) return `a message ${String(type)} does not fit`;
  // A job comes from this worker's own coordinator, whose recipe may have keys that this version does not know.
  const detail = field === 'job' ? `.${printableLine(`${rest.join('.')} ${issue?.message}`)}` : '';
  return `a message ${String(type)} does not fit: ${field}${detail}`;
}

const workerBounds = { values: limits.workerMessageValues, textBytes: limits.messageTextBytes };
const anyBounds = { values: limits.messageValues, textBytes: limits.frameBytes };
/** Of messages that open a link between workers, and of those about blocks. */
const smallBounds = { values: 64, textBytes: limits.helloBytes };

/** @throws StillhouseError PROTOCOL_VIOLATION */
export const decodeToCoordinator = (frame: Uint8Array): ToCoordinator => decode(toCoordinator, frame, workerBounds);
/** @throws StillhouseError PROTOCOL_VIOLATION */
export const decodeToWorker = (frame: Uint8Array): ToWorker => decode(toWorker, frame, anyBounds);
/** @throws StillhouseError PROTOCOL_VIOLATION */
export const decodeMeshHello = (frame: Uint8Array): MeshHello => decode(meshHello, frame, smallBounds);
/** @throws StillhouseError PROTOCOL_VIOLATION */
export const decodeBlockQuestion = (frame: Uint8Array): BlockQuestion => decode(blockQuestion, frame, smallBounds);
/** @throws StillhouseError PROTOCOL_VIOLATION */
export const decodeBlockAnswer = (frame: Uint8Array): BlockAnswer => decode(blockAnswer, frame, smallBounds);
/** @throws StillhouseError PROTOCOL_VIOLATION */
export const decodeMeasureQuestion = (frame: Uint8Array): MeasureQuestion =>
  decode(measureQuestion, frame, smallBounds);
/** @throws StillhouseError PROTOCOL_VIOLATION */
export const decodeMeasureAnswer = (frame: Uint8Array): MeasureAnswer => decode(measureAnswer, frame, smallBounds);
