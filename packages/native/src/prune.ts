// Makes a library smaller for a machine whose GPUs are known: what is left out becomes holes, which take no room on a
// disk and little in an archive. Nothing moves, so the library works as before.
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, renameSync, writeSync } from 'node:fs';
import { sectionsOf, type Range, type ReadAt } from './elf.js';
import { codeOfOtherGpus, fatbinSection, type Architecture } from './fatbin.js';

/** Sections that only debuggers read. */
const symbolTables = ['.symtab', '.strtab'];

/** What a library need not have on a machine with these GPUs. */
export function dispensable(read: ReadAt, gpus: readonly Architecture[]): Range[] {
  const sections = sectionsOf(read) ?? [];
  return sections
    .flatMap((section) => {
      if (section.name === fatbinSection) return codeOfOtherGpus(read, section, gpus);
      return symbolTables.includes(section.name) && !section.isLoaded ? [section] : [];
    })
    .sort((a, b) => a.offset - b.offset);
}

const blockBytes = 2 ** 24;

/** Copies a range from one file to the same place in another. */
function copyRange(from: number, to: number, { offset, bytes }: Range): void {
  const block = Buffer.allocUnsafe(Math.min(bytes, blockBytes));
  for (let at = offset; at < offset + bytes;) {
    const count = readSync(from, block, 0, Math.min(block.length, offset + bytes - at), at);
    if (count === 0) throw new Error('the file ends early');
    writeSync(to, block, 0, count, at);
    at += count;
  }
}

/**
 * Replaces a library by one without what machines with these GPUs do not need.
 * @returns bytes left out
 */
export function pruneLibrary(file: string, gpus: readonly Architecture[]): number {
  const pruned = `${file}.pruned`;
  const from = openSync(file, 'r');
  const { size, mode } = fstatSync(from);
  const to = openSync(pruned, 'w', mode);
  try {
    const read: ReadAt = (offset, bytes) => {
      const buffer = Buffer.alloc(bytes);
      return buffer.subarray(0, readSync(from, buffer, 0, bytes, offset));
    };
    const holes = dispensable(read, gpus);
    ftruncateSync(to, size);
    let at = 0;
    for (const hole of [...holes, { offset: size, bytes: 0 }]) {
      if (hole.offset > at) copyRange(from, to, { offset: at, bytes: hole.offset - at });
      at = hole.offset + hole.bytes;
    }
    renameSync(pruned, file);
    return holes.reduce((sum, { bytes }) => sum + bytes, 0);
  } finally {
    closeSync(from);
    closeSync(to);
  }
}
