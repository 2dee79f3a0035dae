// The sections of a shared library: an ELF file of 64 bits, little-endian.

/** Reads bytes of a file. */
export type ReadAt = (offset: number, bytes: number) => Buffer;

/** A part of a file. */
export interface Range {
  readonly offset: number;
  readonly bytes: number;
}

export interface Section extends Range {
  readonly name: string;
  /** Whether a process that loads the library has it in its memory. */
  readonly isLoaded: boolean;
}

/** SHF_ALLOC */
const allocated = 2;
const headerBytes = 64;
const magic = Buffer.from('\x7fELF\x02\x01', 'latin1');

/** Undefined if it is not such a file. */
export function sectionsOf(read: ReadAt): Section[] | undefined {
  const header = read(0, headerBytes);
  if (header.length < headerBytes || !header.subarray(0, magic.length).equals(magic)) return undefined;
  const tableAt = Number(header.readBigUInt64LE(0x28));
  const [entryBytes, count, namesIndex] = [0x3a, 0x3c, 0x3e].map((at) => header.readUInt16LE(at));
  const entries = Array.from({ length: count }, (_, i) => {
    const entry = read(tableAt + i * entryBytes, entryBytes);
    return {
      nameAt: entry.readUInt32LE(0),
      isLoaded: (entry.readBigUInt64LE(8) & BigInt(allocated)) !== 0n,
      offset: Number(entry.readBigUInt64LE(24)),
      bytes: Number(entry.readBigUInt64LE(32)),
    };
  });
  const names = entries[namesIndex];
  if (!names) return undefined;
  const text = read(names.offset, names.bytes).toString('latin1');
  return entries.map(({ nameAt, ...section }) => ({
    ...section,
    name: text.slice(nameAt, text.indexOf('\0', nameAt)),
  }));
}
