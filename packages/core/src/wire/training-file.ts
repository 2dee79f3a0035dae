// The training state as bytes, for a peer that lags and for checkpoints: a safetensors file with the buffers of weights
// and optimiser, and the small state in a separate tensor, as MessagePack so that no number changes.
import { pack } from 'msgpackr';
import { messageOf, StillhouseError } from '../error/errors.js';
import { limits } from '../error/limits.js';
import { bytesOf, floatsOf, readSafetensors, safetensorsParts } from '../format/safetensors.js';
import type { FrameHeader, MeshFrame } from '../collective/frames.js';
import { unpackBounded } from './bounded-unpack.js';
import { trainingState } from './messages.js';
import type { TrainingState } from './training-state.js';

export interface NamedBuffer {
  readonly name: string;
  readonly data: Float32Array;
}

const smallState = 'training';

/** The file in parts; those of the buffers share their memory. */
export function trainingParts(training: TrainingState, buffers: readonly NamedBuffer[]): Uint8Array[] {
  const small = new Uint8Array(pack(training));
  // The buffers come first, so that they stay aligned.
  const tensors = buffers.map(({ name, data }) => ({
    name,
    dtype: 'F32' as const,
    shape: [data.length],
    data: bytesOf(data),
  }));
  return safetensorsParts([...tensors, { name: smallState, dtype: 'U8', shape: [small.length], data: small }], {
    format: 'stillhouse training state',
    phase: training.phase,
    step: String(training.step),
  });
}

/** @throws StillhouseError CHECKPOINT_CORRUPT */
export function readTraining(bytes: Uint8Array, what: string): { training: TrainingState; buffers: NamedBuffer[] } {
  try {
    const { tensors } = readSafetensors(bytes, what);
    const small = tensors.find(({ name }) => name === smallState);
    if (!small) throw new StillhouseError('DATA_FORMAT', `${what} contains no training state`);
    const unpacked = unpackBounded(small.data, { values: limits.messageValues, textBytes: limits.messageTextBytes });
    if ('unfit' in unpacked) throw new StillhouseError('DATA_FORMAT', `${what} is damaged: ${unpacked.unfit}`);
    const training = trainingState.parse(unpacked.value);
    return {
      training,
      buffers: tensors.filter((tensor) => tensor !== small).map(({ name, data }) => ({ name, data: floatsOf(data) })),
    };
  } catch (cause) {
    throw new StillhouseError('CHECKPOINT_CORRUPT', messageOf(cause), { cause });
  }
}

export const lengthOf = (parts: readonly Uint8Array[]): number => parts.reduce((sum, part) => sum + part.byteLength, 0);

/** Bytes [offset, offset + limits.statePartBytes) of the parts, cut where a part ends, sharing their memory. */
export function partAt(parts: readonly Uint8Array[], offset: number): Uint8Array {
  let first = 0;
  for (const part of parts) {
    if (offset < first + part.byteLength) return part.subarray(offset - first, offset - first + limits.statePartBytes);
    first += part.byteLength;
  }
  return new Uint8Array(0);
}

/** The frames that carry the parts to a peer. */
export function stateFrames(generation: number, parts: readonly Uint8Array[]): MeshFrame[] {
  const total = lengthOf(parts);
  const frames: MeshFrame[] = [];
  for (let offset = 0; offset < total;) {
    const data = partAt(parts, offset);
    frames.push({ header: { type: 'state', generation, offset, total, count: data.byteLength }, data });
    offset += data.byteLength;
  }
  return frames;
}

/** Assembles a state from its frames, which may arrive in any order and more than once. */
export class StateAssembly {
  #bytes: Uint8Array | undefined;
  readonly #offsets = new Set<number>();
  #received = 0;

  /**
   * @returns the bytes, once they are complete
   * @throws StillhouseError PROTOCOL_VIOLATION if a frame is none of this state's
   */
  receive({ offset, total }: FrameHeader & { type: 'state' }, data: Uint8Array): Uint8Array | undefined {
    if (this.#offsets.has(offset)) return undefined;
    this.#bytes ??= new Uint8Array(total);
    if (this.#bytes.byteLength !== total || this.#received + data.byteLength > total)
      throw new StillhouseError('PROTOCOL_VIOLATION', 'a part of a training state does not belong to the others');
    this.#offsets.add(offset);
    this.#bytes.set(data, offset);
    this.#received += data.byteLength;
    return this.#received === total ? this.#bytes : undefined;
  }
}
