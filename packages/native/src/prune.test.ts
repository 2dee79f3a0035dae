// A library made here, with code for several GPUs, as NVIDIA's compiler and a linker lay it out.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { sectionsOf, type ReadAt } from './elf.js';
import { architectureOf, codeOfOtherGpus } from './fatbin.js';
import { pruneLibrary } from './prune.js';

const scratch = mkdtempSync(join(tmpdir(), 'stillhouse-prune-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const readerOf =
  (file: Buffer): ReadAt =>
  (offset, bytes) =>
    file.subarray(offset, offset + bytes);

interface Code {
  readonly kind: number;
  readonly architecture: number;
  readonly text: string;
}
const [ptx, machine, other] = [1, 2, 16];

function codeBytes({ kind, architecture, text }: Code): Buffer {
  const payload = Buffer.from(text.padEnd(64, '.'));
  const header = Buffer.alloc(64);
  header.writeUInt16LE(kind, 0);
  header.writeUInt32LE(header.length, 4);
  header.writeBigUInt64LE(BigInt(payload.length), 8);
  header.writeUInt32LE(architecture, 28);
  return Buffer.concat([header, payload]);
}

function container(...codes: Code[]): Buffer {
  const body = Buffer.concat(codes.map(codeBytes));
  const header = Buffer.alloc(16);
  header.writeUInt32LE(0xba55ed50, 0);
  header.writeUInt16LE(1, 4);
  header.writeUInt16LE(header.length, 6);
  header.writeBigUInt64LE(BigInt(body.length), 8);
  return Buffer.concat([header, body]);
}

const code = (kind: number, architecture: number): Code => ({
  kind,
  architecture,
  text: `${kind === ptx ? 'ptx' : 'code'} ${architecture} `,
});
const everywhere = container(...[60, 70, 80, 86, 90].map((each) => code(machine, each)), code(ptx, 90));
const gap = Buffer.alloc(24);
const onlyOld = container(code(machine, 70), code(other, 70));
const fatbin = Buffer.concat([everywhere, gap, onlyOld]);

interface MadeSection {
  readonly name: string;
  readonly isLoaded: boolean;
  readonly content: Buffer;
}

/** An ELF file of 64 bits with these sections, and one that names them. */
function elf(sections: readonly MadeSection[]): Buffer {
  const names = Buffer.from(`\0${[...sections.map(({ name }) => name), '.shstrtab'].join('\0')}\0`);
  const all = [
    { name: '', isLoaded: false, content: Buffer.alloc(0) },
    ...sections,
    { name: '.shstrtab', isLoaded: false, content: names },
  ];
  const header = Buffer.alloc(64);
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  const contents = Buffer.concat(all.map(({ content }) => content));
  header.writeBigUInt64LE(BigInt(header.length + contents.length), 0x28);
  header.writeUInt16LE(64, 0x3a);
  header.writeUInt16LE(all.length, 0x3c);
  header.writeUInt16LE(all.length - 1, 0x3e);
  let at = header.length;
  const table = all.map(({ name, isLoaded, content }) => {
    const entry = Buffer.alloc(64);
    entry.writeUInt32LE(name === '' ? 0 : names.indexOf(`\0${name}\0`) + 1, 0);
    entry.writeBigUInt64LE(isLoaded ? 2n : 0n, 8);
    entry.writeBigUInt64LE(BigInt(at), 24);
    entry.writeBigUInt64LE(BigInt(content.length), 32);
    at += content.length;
    return entry;
  });
  return Buffer.concat([header, contents, ...table]);
}

const library = elf([
  { name: '.dynstr', isLoaded: true, content: Buffer.from('symbols to link by') },
  { name: '.nv_fatbin', isLoaded: true, content: fatbin },
  { name: '.symtab', isLoaded: false, content: Buffer.from('symbols to debug by') },
  { name: '.strtab', isLoaded: false, content: Buffer.from('their names') },
]);

test('the sections of a library have their names and places', () => {
  const sections = sectionsOf(readerOf(library))!;
  expect(sections.map(({ name }) => name)).toEqual(['', '.dynstr', '.nv_fatbin', '.symtab', '.strtab', '.shstrtab']);
  const { offset, bytes, isLoaded } = sections[1];
  expect(library.toString('latin1', offset, offset + bytes)).toBe('symbols to link by');
  expect([isLoaded, sections[3].isLoaded]).toEqual([true, false]);
});

test.each([['#!/bin/sh'], ['\x7fELF\x01\x01'.padEnd(80)], ['']])('%j has no sections', (text) => {
  expect(sectionsOf(readerOf(Buffer.from(text, 'latin1')))).toBeUndefined();
});

describe('code that stays', () => {
  const kept = (...gpus: number[]): string[] => {
    const pruned = Buffer.from(fatbin);
    for (const { offset, bytes } of codeOfOtherGpus(readerOf(fatbin), { offset: 0, bytes: fatbin.length }, gpus))
      pruned.fill(0, offset, offset + bytes);
    expect(pruned).toHaveLength(fatbin.length);
    return pruned.toString('latin1').match(/(?:ptx|code) \d+/g) ?? [];
  };
  // The last of each is of a kind that is not known.
  test.each([
    ['machine code of its own', [90], ['code 90', 'code 70']],
    ['the newest of its generation that is not newer', [89], ['code 86', 'code 70']],
    ['of the generation before the newest code', [80], ['code 80', 'code 70']],
    ['where there is no machine code, PTX', [120], ['ptx 90', 'code 70']],
    ['of several, for each', [70, 90], ['code 70', 'code 90', 'code 70', 'code 70']],
  ])('for a GPU is %s: %j', (_, gpus, expected) => {
    expect(kept(...gpus)).toEqual(expected);
  });
});

test('a pruned library has what was loaded where it was, and takes less room', () => {
  const file = join(scratch, 'library.so');
  const bulk = Buffer.alloc(2 ** 20, 'x');
  const large = elf([
    { name: '.nv_fatbin', isLoaded: true, content: fatbin },
    { name: '.symtab', isLoaded: false, content: bulk },
    { name: '.data', isLoaded: true, content: Buffer.from('data') },
  ]);
  writeFileSync(file, large, { mode: 0o755 });
  const bytes = pruneLibrary(file, [90]);
  const pruned = readFileSync(file);
  expect(bytes).toBe(bulk.length + 6 * 64);
  expect(pruned).toHaveLength(large.length);
  expect(pruned.includes('data')).toBe(true);
  expect(pruned.toString('latin1').match(/(?:ptx|code) \d+/g)).toEqual(['code 90', 'code 70']);
  expect(sectionsOf(readerOf(pruned))).toEqual(sectionsOf(readerOf(large)));
  expect(statSync(file).mode & 0o777).toBe(0o755);
  expect(statSync(file).blocks * 512).toBeLessThan(bulk.length / 2);
});

test('a file that is no library stays as it is', () => {
  const file = join(scratch, 'script');
  writeFileSync(file, '#!/bin/sh');
  expect(pruneLibrary(file, [90])).toBe(0);
  expect(readFileSync(file, 'utf8')).toBe('#!/bin/sh');
});

test.each([
  ['9.0', 90],
  [' 12.1', 121],
  ['9', undefined],
  ['sm_90', undefined],
])('compute capability %j is architecture %j', (capability, architecture) => {
  expect(architectureOf(capability)).toBe(architecture);
});
