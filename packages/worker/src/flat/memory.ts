// Flat fp32 buffers in one WebAssembly memory. The kernels of assembly/kernels.ts work on them in place. TensorFlow and
// other threads read them without a copy. Each begins at a page, so that numbers of other processes may appear in it.
import { readFileSync } from 'node:fs';
import { formatNumber, limits, StillhouseError, type CodedFormat } from '@stillhouse/core';
import type { SharedPart, SumMemory } from '@stillhouse/core/cluster';
import type { OptimizerKernels } from '@stillhouse/core/training';
import { sharedMemory } from '@stillhouse/native';
import { kernelsFile } from '../kernels-file.js';
import { Instance, Memory, Module, type WasmMemory, type WasmModule } from './webassembly.js';

export interface Kernels extends OptimizerKernels {
  sumOfSquares(count: number, gradient: number): number;
  add(count: number, a: number, b: number, target: number): void;
  addFlushed(count: number, a: number, b: number, target: number): void;
  roundBf16(count: number, at: number): void;
  roundFp16(count: number, at: number): void;
  roundInt8(count: number, at: number): void;
  encodeBf16(count: number, from: number, to: number): void;
  encodeFp16(count: number, from: number, to: number): void;
  encodeInt8(count: number, from: number, to: number): void;
  decodeBf16(count: number, from: number, to: number): void;
  decodeFp16(count: number, from: number, to: number): void;
  decodeInt8(count: number, from: number, to: number): void;
}

/** How kernels name the formats. */
const kernelNames = { bf16: 'Bf16', fp16: 'Fp16', int8: 'Int8' } as const;

/** Size of the operating system's pages on the processors on which numbers of other processes can appear here. */
export const pageBytes = 4096;
/** Scratch of the kernels, before the buffers. */
const scratchBytes = pageBytes;
const wasmPageBytes = 65_536;
const maximumPages = 65_536;

const padded = (floats: number): number => Math.ceil((floats * 4) / pageBytes) * pageBytes;

/** Numbers in shared memory, which a training state needs so that other threads can read it. */
export const sharedFloats = (length: number): Float32Array => new Float32Array(new SharedArrayBuffer(length * 4));

let compiled: WasmModule | undefined;
const kernelModule = (): WasmModule => (compiled ??= new Module(readFileSync(kernelsFile)));

const kernelsOf = (memory: WasmMemory): Kernels =>
  new Instance(kernelModule(), { env: { memory } }).exports as unknown as Kernels;

/** Where buffers of these lengths (floats) end that begin at this offset. */
const endOf = (offset: number, lengths: readonly number[]): number =>
  lengths.reduce((end, length) => end + padded(length), offset);

/** How many pages that many bytes take. */
function pagesOf(bytes: number): number {
  const pages = Math.ceil(bytes / wasmPageBytes);
  if (pages > maximumPages)
    throw new StillhouseError(
      'MODEL_INVALID',
      `weights, gradients and optimiser state take ${formatNumber(bytes / 2 ** 30, 3)} GiB; at most 4 GiB fit`,
    );
  return pages;
}

function buffersAt(memory: WasmMemory, first: number, lengths: readonly number[]): Float32Array[] {
  let offset = first;
  return lengths.map((length) => {
    const buffer = new Float32Array(memory.buffer, offset, length);
    offset += padded(length);
    return buffer;
  });
}

export interface FlatMemory {
  /** Buffers of the given lengths (floats), zeroed. */
  readonly buffers: Float32Array[];
  readonly kernels: Kernels;
  /** The rest of the memory, for sums; it grows as needed. */
  readonly sums: FlatSums;
}

/**
 * @param options.flushes whether sums below the normal range become zero
 * @throws StillhouseError MODEL_INVALID if the buffers exceed what WebAssembly can address, 4 GiB
 */
export function allocateFlat(lengths: readonly number[], { flushes = false } = {}): FlatMemory {
  const end = endOf(scratchBytes, lengths);
  const memory = new Memory({ initial: pagesOf(end), maximum: maximumPages, shared: true });
  const kernels = kernelsOf(memory);
  return {
    buffers: buffersAt(memory, scratchBytes, lengths),
    kernels,
    sums: new FlatSums({ memory, first: end, flushes }, kernels),
  };
}

/** What another thread needs to work on the same memory. */
export interface SharedSums {
  readonly memory: WasmMemory;
  /** Where sums begin, in bytes. */
  readonly first: number;
  /** Whether sums below the normal range become zero, as on the device that adds some of them. */
  readonly flushes: boolean;
}

/** The end of a flat memory: it grows as needed. */
export class FlatSums implements SumMemory {
  readonly chunkFloats = limits.chunkFloats;
  readonly alignFloats = pageBytes / Float32Array.BYTES_PER_ELEMENT;
  /** Buffers in which parts of files appear. */
  readonly #shown: Float32Array[] = [];

  constructor(
    readonly shared: SharedSums,
    private readonly kernels: Kernels,
  ) {}

  /** The sums of a flat memory that another thread has allocated. */
  static of(shared: SharedSums): FlatSums {
    return new FlatSums(shared, kernelsOf(shared.memory));
  }

  allocate(lengths: readonly number[]): Float32Array[] {
    for (const buffer of this.#shown.splice(0)) sharedMemory(process.env)!.hide(buffer);
    const { memory, first } = this.shared;
    const missing = pagesOf(endOf(first, lengths)) - memory.buffer.byteLength / wasmPageBytes;
    if (missing > 0) memory.grow(missing);
    return buffersAt(memory, first, lengths);
  }

  show(buffer: Float32Array, { file, offset, isOwn }: SharedPart): void {
    sharedMemory(process.env)!.show(buffer, file, offset, isOwn);
    this.#shown.push(buffer);
  }

  /** All of them must be in this memory, in buffers of this thread or of another one. */
  add(a: Float32Array, b: Float32Array, target: Float32Array): void {
    const name = this.shared.flushes ? 'addFlushed' : 'add';
    this.kernels[name](target.length, a.byteOffset, b.byteOffset, target.byteOffset);
  }

  round(format: CodedFormat, numbers: Float32Array): void {
    this.kernels[`round${kernelNames[format]}`](numbers.length, numbers.byteOffset);
  }

  encode(format: CodedFormat, numbers: Float32Array, bytes: Uint8Array): void {
    this.kernels[`encode${kernelNames[format]}`](numbers.length, numbers.byteOffset, bytes.byteOffset);
  }

  decode(format: CodedFormat, bytes: Uint8Array, numbers: Float32Array): void {
    this.kernels[`decode${kernelNames[format]}`](numbers.length, bytes.byteOffset, numbers.byteOffset);
  }
}

/** Concatenates arrays; a single one is returned unchanged. */
export function joinFloats(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0];
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
