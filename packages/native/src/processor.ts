// The properties of a processor that kernels, and so bits, depend on.
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** Instruction sets by which TensorFlow and oneDNN choose kernels, as Linux names them. */
const choosing = [
  'avx',
  'avx2',
  'fma',
  'avx512f',
  'avx_vnni',
  'avx512_vnni',
  'avx512_bf16',
  'avx512_fp16',
  'amx_tile',
  'amx_bf16',
  'amx_int8',
  'amx_fp16',
  'asimd',
  'asimddp',
  'bf16',
  'sve',
  'sve2',
];

/** @param cpuinfo text of /proc/cpuinfo */
export function instructionsIn(cpuinfo: string): string[] {
  const flags = new Set((/^(?:flags|Features)\s*:(.*)$/m.exec(cpuinfo)?.[1] ?? '').trim().split(/\s+/));
  return choosing.filter((name) => flags.has(name));
}

const cpuinfoFile = '/proc/cpuinfo';

/** Model and instruction sets: virtual machines with the same model name need not have the same instruction sets. */
export function processor(): string {
  const instructions = existsSync(cpuinfoFile) ? instructionsIn(readFileSync(cpuinfoFile, 'utf8')) : [];
  return [cpus()[0]?.model.trim() ?? process.arch, instructions.join('+')].filter(Boolean).join(' ');
}
