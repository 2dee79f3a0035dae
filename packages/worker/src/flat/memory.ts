// Flat fp32 buffers in one WebAssembly memory. The kernels of assembly/kernels.ts work on them in place. TensorFlow and
// other threads read them without a copy, because each begins at a multiple of 64 bytes.
import { readFileSync } from 'node:fs';
import { formatNumber, StillhouseError } from '@stillhouse/core';
import type { OptimizerKernels } from '@stillhouse/core/training';
import { kernelsFile } from '../kernels-file.js';
import { Instance, Memory, Module, type WasmModule } from './webassembly.js';

export interface Kernels extends OptimizerKernels {
  sumOfSquares(count: number, gradient: number): number;
}

const alignment = 64;
/** Scratch of the kernels, before the buffers. */
const scratchBytes = 4 * alignment;
const pageBytes = 65_536;
const maximumPages = 65_536;

const padded = (floats: number): number => Math.ceil((floats * 4) / alignment) * alignment;

/** Numbers in shared memory, which a training state needs so that other threads can read it. */
export const sharedFloats = (length: number): Float32Array => new Float32Array(new SharedArrayBuffer(length * 4));

let compiled: WasmModule | undefined;
const kernelModule = (): WasmModule => (compiled ??= new Module(readFileSync(kernelsFile)));

/**
 * Buffers of the given lengths (floats), zeroed, with the kernels that work on them.
 * @throws StillhouseError MODEL_INVALID if they exceed what WebAssembly can address, 4 GiB
 */
export function allocateFlat(lengths: readonly number[]): { buffers: Float32Array[]; kernels: Kernels } {
  const bytes = lengths.reduce((sum, length) => sum + padded(length), scratchBytes);
  const pages = Math.ceil(bytes / pageBytes);
  if (pages > maximumPages)
    throw new StillhouseError(
      'MODEL_INVALID',
      `weights, gradients and optimiser state take ${formatNumber(bytes / 2 ** 30, 3)} GiB; at most 4 GiB fit`,
    );
  const memory = new Memory({ initial: pages, maximum: pages, shared: true });
  let offset = scratchBytes;
  const buffers = lengths.map((length) => {
    const buffer = new Float32Array(memory.buffer, offset, length);
    offset += padded(length);
    return buffer;
  });
  return { buffers, kernels: new Instance(kernelModule(), { env: { memory } }).exports as unknown as Kernels };
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
