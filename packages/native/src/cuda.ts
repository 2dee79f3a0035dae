// NVIDIA's libraries, from the wheels that TensorFlow's own extra "and-cuda" lists, laid out where libtensorflow looks
// for them: its run path contains ../nvidia/PART/lib.
import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StillhouseError } from '@stillhouse/core';
import { downloadWithPip, type Source } from './sources.js';
import type { Progress } from './tools.js';
import { extractEntries, readEntry } from './wheel.js';

const libraryPattern = /^nvidia\/\w+\/lib\/[\w.-]+\.so[\w.]*$/;

/** The compiler for XLA, which is not used here. */
const isNeeded = (requirement: string): boolean => !requirement.startsWith('nvidia-cuda-nvcc');

/** Requirements such as nvidia-cublas-cu12<13.0,>=12.5.3.2, from a wheel's METADATA. */
export function nvidiaRequirements(metadata: string): string[] {
  return metadata.split('\n').flatMap((line) => {
    const requirement = /^Requires-Dist: (nvidia-[^;]+?)\s*;.*extra == ['"]and-cuda['"]/.exec(line)?.[1];
    return requirement !== undefined && isNeeded(requirement) ? [requirement.replaceAll(' ', '')] : [];
  });
}

/**
 * @param source the TensorFlow whose requirements these are; if it is a Python's, the libraries next to it are linked
 * @throws StillhouseError BACKEND_SOURCE, BACKEND_TOOL, BACKEND_DOWNLOAD, BACKEND_SPACE
 */
export async function downloadNvidia(
  source: Source,
  at: { folder: string; downloads: string; report: Progress },
): Promise<void> {
  const { folder, downloads, report } = at;
  if (source.type === 'folder') {
    const beside = join(dirname(source.path), 'nvidia');
    if (!existsSync(beside))
      throw new StillhouseError(
        'BACKEND_SOURCE',
        `next to ${source.path} there is no folder nvidia with the CUDA libraries`,
        { next: 'Install tensorflow[and-cuda] in that Python, or leave out --from.' },
      );
    report(`linking ${beside}`);
    symlinkSync(beside, join(folder, 'nvidia'));
    return;
  }
  const requirements = nvidiaRequirements(await readEntry(source.path, /\.dist-info\/METADATA$/));
  if (requirements.length === 0)
    throw new StillhouseError(
      'BACKEND_SOURCE',
      `${source.path} lists no CUDA libraries: it is not the build for CUDA`,
      { next: 'Give the wheel named tensorflow, not tensorflow_cpu; it exists for Linux.' },
    );
  const wheels = join(downloads, 'nvidia');
  mkdirSync(wheels, { recursive: true });
  downloadWithPip(requirements, { downloads: wheels, report });
  for (const wheel of readdirSync(wheels).filter((name) => name.endsWith('.whl'))) {
    report(`extracting ${wheel}`);
    await extractEntries(join(wheels, wheel), folder, (name) => (libraryPattern.test(name) ? name : undefined));
  }
}
