// A folder or archive with all that Stillhouse needs, for machines without a network.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync } from 'node:fs';
import { readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { engineKinds, installedEngines, isCarried, type EngineKind, type InstalledEngine } from '@stillhouse/native';
import { StillhouseError } from '@stillhouse/core';
import { copyTree } from './copy-tree.js';
import { packagePlaces, type InstalledPackages, type PackageManifest } from './package-places.js';

export interface BundleOptions {
  /** Engines to take along; by default all that are installed. */
  readonly engines?: readonly EngineKind[] | undefined;
  /** Whether NVIDIA's libraries go along, the default; `linkCudaLibraries` links those of the other machine. */
  readonly cudaLibraries?: boolean | undefined;
  /** Called with what is being done, line by line. */
  readonly onProgress?: ((line: string) => void) | undefined;
}

export interface Bundle {
  /** Full path of the folder or archive. */
  readonly path: string;
  readonly bytes: number;
  readonly engines: readonly { readonly name: EngineKind; readonly version: string }[];
}

/** The archives that tar writes, which knows the compression by the name. */
const archivePattern = /\.(tar(\.(gz|xz|zst))?|tgz)$/;

const launcher = `#!/bin/sh
# Runs stillhouse with what is in this folder.
here=$(dirname -- "$(readlink -f -- "$0")")
export STILLHOUSE_CACHE="\${STILLHOUSE_CACHE:-$here/cache}"
exec "$here/node" "$here/node_modules/stillhouse/bin/stillhouse.js" "$@"
`;

interface Manifest extends PackageManifest {
  readonly files?: readonly string[];
}

const manifestOf = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;

const installed: InstalledPackages = {
  manifestOf,
  find(from, name) {
    for (let folder = from; ; folder = dirname(folder)) {
      const found = join(folder, 'node_modules', name);
      if (existsSync(join(found, 'package.json'))) return realpathSync(found);
      if (folder === dirname(folder)) return undefined;
    }
  },
};

/** Maps, types and tests, which nothing runs. */
const unused = /\.(map|d\.[cm]?ts|tsbuildinfo)$|\.test\./;

/** Which files of a package are copied: of one in a clone, those that npm would publish. */
function isWantedOf(folder: string): (path: string) => boolean {
  const { files = [] } = manifestOf(folder);
  const published = folder.includes(`node_modules`) ? undefined : ['package.json', 'LICENSE', 'README.md', ...files];
  return (path) =>
    !unused.test(path) &&
    basename(path) !== 'node_modules' &&
    (published === undefined || published.includes(path.split('/')[0]));
}

function chooseEngines(kinds: readonly EngineKind[] | undefined): InstalledEngine[] {
  return (kinds ?? engineKinds).flatMap((kind) => {
    const [engine] = installedEngines(process.env, kind);
    if (!engine && kinds)
      throw new StillhouseError('BACKEND_UNAVAILABLE', `the ${kind} engine is not installed`, {
        next: `Run \`stillhouse backend install ${kind}\`, or leave it out with --engines.`,
      });
    return engine ? [engine] : [];
  });
}

/** @throws StillhouseError BUNDLE_SYSTEM */
function checkSystem(): void {
  const isShared = Boolean((process.config.variables as { node_shared?: unknown }).node_shared);
  if (process.platform === 'win32' || isShared)
    throw new StillhouseError(
      'BUNDLE_SYSTEM',
      isShared ? `${process.execPath} needs a library of this system` : 'a bundle cannot be made on Windows',
    );
}

/** Fills the folder of a bundle. */
function fill(folder: string, engines: readonly InstalledEngine[], options: BundleOptions): void {
  const { cudaLibraries = true, onProgress: report } = options;
  report?.(`copying Node ${process.versions.node}`);
  copyFileSync(realpathSync(process.execPath), join(folder, 'node'));
  const own = realpathSync(fileURLToPath(new URL('..', import.meta.url)));
  const places = packagePlaces('stillhouse', own, installed);
  report?.(`copying ${places.size} packages`);
  for (const [place, from] of places) copyTree(from, join(folder, place), isWantedOf(from));
  for (const { folder: from, manifest } of engines) {
    report?.(`copying ${manifest.kind} ${manifest.version}`);
    const to = join(folder, 'cache', manifest.kind, basename(from));
    copyTree(from, to, (path) => isCarried(path, cudaLibraries));
  }
  writeFileSync(join(folder, 'stillhouse'), launcher);
  chmodSync(join(folder, 'stillhouse'), 0o755);
}

/** Starts a bundle as on a machine that has nothing else. */
function verify(folder: string): void {
  const env = { PATH: '/usr/bin:/bin', HOME: folder };
  const { status, stderr } = spawnSync(join(folder, 'stillhouse'), ['backend', 'list'], { env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`the bundle does not start: ${stderr}`);
}

/** @throws StillhouseError OUT_UNWRITABLE */
function pack(folder: string, archive: string): void {
  const args = ['--auto-compress', '--create', '--file', archive, '--directory', dirname(folder), basename(folder)];
  const { status, error, stderr } = spawnSync('tar', args, { encoding: 'utf8' });
  if (status !== 0)
    throw new StillhouseError('OUT_UNWRITABLE', `tar cannot write the archive: ${error?.message ?? stderr.trim()}`);
}

const sizeOf = (path: string): number =>
  statSync(path).isFile()
    ? statSync(path).size
    : readdirSync(path, { recursive: true, withFileTypes: true }).reduce(
        (sum, entry) => sum + (entry.isFile() ? statSync(join(entry.parentPath, entry.name)).size : 0),
        0,
      );

/**
 * Writes Node, all packages and engines into a folder or an archive (.tar, .tar.gz, .tgz, .tar.xz, .tar.zst): all that
 * `./stillhouse` needs on machines of this system and type of processor, without a network.
 * @throws StillhouseError OUT_EXISTS, OUT_UNWRITABLE, BACKEND_UNAVAILABLE, BUNDLE_SYSTEM
 */
export function bundle(out: string, options: BundleOptions = {}): Bundle {
  const path = resolve(out);
  if (existsSync(path))
    throw new StillhouseError('OUT_EXISTS', `${path} already exists`, {
      next: 'Choose another folder or archive, or remove this one.',
    });
  checkSystem();
  const engines = chooseEngines(options.engines);
  mkdirSync(dirname(path), { recursive: true });
  // What was interrupted has no name that passes for a bundle.
  const work = mkdtempSync(`${path}.partial-`);
  try {
    const folder = join(work, basename(path).replace(archivePattern, ''));
    mkdirSync(folder);
    fill(folder, engines, options);
    options.onProgress?.('verifying: starting it');
    verify(folder);
    if (archivePattern.test(path)) {
      options.onProgress?.(`packing ${basename(path)}`);
      const archive = join(work, basename(path));
      pack(folder, archive);
      renameSync(archive, path);
    } else renameSync(folder, path);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return {
    path,
    bytes: sizeOf(path),
    engines: engines.map(({ manifest }) => ({ name: manifest.kind, version: manifest.version })),
  };
}
