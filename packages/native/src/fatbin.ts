// The code for GPUs in a shared library, as NVIDIA's compiler stores it: its section has containers, one per compiled
// file, each with the same kernels for several architectures, as machine code or as PTX, which the driver compiles.
import type { Range, ReadAt } from './elf.js';

export const fatbinSection = '.nv_fatbin';

/** 80 is compute capability 8.0. */
export type Architecture = number;

interface Code extends Range {
  readonly kind: 'ptx' | 'machine' | 'other';
  readonly architecture: Architecture;
}

const containerMagic = 0xba55ed50;
const containerHeaderBytes = 16;
const codeHeaderBytes = 32;
/** Containers begin at multiples of it. */
const alignment = 8;

function* codesIn(read: ReadAt, container: Range): Generator<Code> {
  const end = container.offset + container.bytes;
  for (let at = container.offset; at + codeHeaderBytes <= end;) {
    const header = read(at, codeHeaderBytes);
    const offset = at + header.readUInt32LE(4);
    const bytes = Number(header.readBigUInt64LE(8));
    const kind = ({ 1: 'ptx', 2: 'machine' } as const)[header.readUInt16LE(0)] ?? 'other';
    yield { kind, architecture: header.readUInt32LE(28), offset, bytes };
    at = offset + bytes;
  }
}

function* containersIn(read: ReadAt, section: Range): Generator<Range> {
  const end = section.offset + section.bytes;
  for (let at = section.offset; at + containerHeaderBytes <= end;) {
    const header = read(at, containerHeaderBytes);
    if (header.readUInt32LE(0) !== containerMagic) {
      at += alignment;
      continue;
    }
    const offset = at + header.readUInt16LE(6);
    const bytes = Number(header.readBigUInt64LE(8));
    yield { offset, bytes };
    at = offset + bytes;
  }
}

const generationOf = (architecture: Architecture): number => Math.floor(architecture / 10);

/**
 * The codes of a container that a GPU would take: machine code of its own generation, the newest that is not newer than
 * it, or else the newest such PTX.
 */
function codesFor(gpu: Architecture, codes: readonly Code[]): Code[] {
  const runnable = codes.filter(({ architecture }) => architecture <= gpu);
  const machine = runnable.filter(
    ({ kind, architecture }) => kind === 'machine' && generationOf(architecture) === generationOf(gpu),
  );
  const usable = machine.length > 0 ? machine : runnable.filter(({ kind }) => kind === 'ptx');
  const newest = Math.max(...usable.map(({ architecture }) => architecture));
  return usable.filter(({ architecture }) => architecture === newest);
}

/** Where a section has code that none of these GPUs takes. What is not known to be code for a GPU stays. */
export function codeOfOtherGpus(read: ReadAt, section: Range, gpus: readonly Architecture[]): Range[] {
  const others: Range[] = [];
  for (const container of containersIn(read, section)) {
    const codes = [...codesIn(read, container)];
    const needed = new Set(gpus.flatMap((gpu) => codesFor(gpu, codes)));
    others.push(...codes.filter((code) => code.kind !== 'other' && !needed.has(code)));
  }
  return others.map(({ offset, bytes }) => ({ offset, bytes }));
}

/** Of a compute capability such as 9.0, as nvidia-smi writes it; undefined if it is none. */
export function architectureOf(capability: string): Architecture | undefined {
  const [, major, minor] = /^(\d{1,2})\.(\d)$/.exec(capability.trim()) ?? [];
  return major === undefined ? undefined : Number(major) * 10 + Number(minor);
}
