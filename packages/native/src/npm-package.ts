// A package's files from npm, without running its scripts.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { StillhouseError } from '@stillhouse/core';
import { findTool, runStep, type Progress } from './tools.js';

const require = createRequire(import.meta.url);

/** The package next to stillhouse, if the user installed it. */
function installedPackage(name: string): string | undefined {
  try {
    return dirname(require.resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

/**
 * Puts the files of a package into a folder that must not exist yet.
 * @throws StillhouseError BACKEND_TOOL, BACKEND_DOWNLOAD, BACKEND_SOURCE
 */
export function placeNpmPackage(name: string, version: string, place: { folder: string; report: Progress }): void {
  const { folder, report } = place;
  const npm = findTool('npm');
  report(`fetching ${name} ${version} with npm`);
  mkdirSync(dirname(folder), { recursive: true });
  const work = mkdtempSync(join(dirname(folder), 'npm-'));
  try {
    const packed = runStep(
      npm,
      [
        'pack',
        installedPackage(name) ?? `${name}@${version}`,
        '--ignore-scripts',
        '--silent',
        '--pack-destination',
        work,
      ],
      { cwd: work },
    );
    const tarball = readdirSync(work).find((file) => file.endsWith('.tgz'));
    if (packed.status !== 0 || !tarball)
      throw new StillhouseError(
        'BACKEND_DOWNLOAD',
        `npm could not fetch ${name} ${version}: ${packed.stderr.trim().split('\n').at(-1) ?? ''}`,
      );
    const unpacked = runStep('tar', ['-xzf', tarball], { cwd: work });
    if (unpacked.status !== 0 || !existsSync(join(work, 'package')))
      throw new StillhouseError('BACKEND_SOURCE', `${tarball} cannot be unpacked: ${unpacked.stderr.trim()}`);
    renameSync(join(work, 'package'), folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
