// Where engines are stored: one folder per kind and version in the user's cache, complete once its manifest exists.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { cacheFolder } from '@stillhouse/core';

/** The kinds that train, and onnx, which only runs teachers. */
export const engineKinds = ['tensorflow', 'webgpu', 'onnx'] as const;
export type EngineKind = (typeof engineKinds)[number];

/** What an engine consists of has a revision: an engine of another revision is installed again. */
const revision = 6;

/** What an install writes last. */
const engineManifest = z.object({
  revision: z.literal(revision),
  kind: z.enum(engineKinds),
  /** Version of the library: TensorFlow's, or that of npm's webgpu or onnxruntime-node. */
  version: z.string(),
  /** Where the library came from. */
  source: z.string(),
  installedAt: z.string(),
  /** Room that it takes. */
  bytes: z.number(),
  /** Whether it is built for CUDA. */
  cuda: z.boolean(),
  /** Compute capabilities of the only GPUs that it has code for; absent if it has all code. */
  onlyGpus: z.array(z.string()).optional(),
});
export type EngineManifest = Readonly<z.infer<typeof engineManifest>>;

export interface InstalledEngine {
  readonly folder: string;
  readonly manifest: EngineManifest;
}

const manifestFile = 'engine.json';
/** Name of the folder of an install in progress: NAME.PID.partial. */
const partialPattern = /\.(\d+)\.partial$/;

export const downloadsFolder = (env: NodeJS.ProcessEnv): string => join(cacheFolder(env, homedir()), 'downloads');
export const enginesFolder = (env: NodeJS.ProcessEnv, kind: EngineKind): string =>
  join(cacheFolder(env, homedir()), kind);

/** Undefined if there is none that is complete and of this revision: the engine is then installed again. */
function readManifest(folder: string): EngineManifest | undefined {
  try {
    return engineManifest.parse(JSON.parse(readFileSync(join(folder, manifestFile), 'utf8')));
  } catch {
    return undefined;
  }
}

/** The completely installed engines of a kind: newest version first, with CUDA before without. */
export function installedEngines(env: NodeJS.ProcessEnv, kind: EngineKind): InstalledEngine[] {
  const root = enginesFolder(env, kind);
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .filter((name) => !partialPattern.test(name))
    .flatMap((name) => {
      const folder = join(root, name);
      const manifest = readManifest(folder);
      return manifest ? [{ folder, manifest }] : [];
    })
    .sort(
      (a, b) =>
        Number(b.manifest.cuda) - Number(a.manifest.cuda) ||
        b.manifest.version.localeCompare(a.manifest.version, 'en', { numeric: true }),
    );
}

/** Whether the engine of a kind that is loaded here is built for CUDA. */
export const hasCuda = (env: NodeJS.ProcessEnv, kind: EngineKind): boolean =>
  installedEngines(env, kind)[0]?.manifest.cuda ?? false;

/** Whether this machine has a process with this number. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It belongs to another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Removes what interrupted installs left, but not installs in progress. */
function removeRemains(root: string): void {
  for (const name of readdirSync(root)) {
    const pid = partialPattern.exec(name)?.[1];
    if (pid !== undefined && (Number(pid) === process.pid || !isRunning(Number(pid))))
      rmSync(join(root, name), { recursive: true, force: true });
  }
}

export type ManifestDetails = Pick<EngineManifest, 'version' | 'source' | 'bytes' | 'cuda' | 'onlyGpus'>;

/**
 * Has an engine built in a separate folder, which gets its final name last: an interrupted install leaves no half
 * engine, an engine is replaced only by a complete one, and installs at the same time do not disturb each other.
 * @param build fills the given folder and verifies it
 */
export async function placeEngine(
  at: { env: NodeJS.ProcessEnv; kind: EngineKind; name: string },
  build: (folder: string) => Promise<ManifestDetails>,
): Promise<InstalledEngine> {
  const root = enginesFolder(at.env, at.kind);
  mkdirSync(root, { recursive: true });
  removeRemains(root);
  const folder = join(root, at.name);
  const partial = `${folder}.${process.pid}.partial`;
  mkdirSync(partial);
  try {
    const manifest: EngineManifest = {
      revision,
      kind: at.kind,
      installedAt: new Date().toISOString(),
      ...(await build(partial)),
    };
    writeFileSync(join(partial, manifestFile), `${JSON.stringify(manifest, null, 2)}\n`);
    rmSync(folder, { recursive: true, force: true });
    renameSync(partial, folder);
    return { folder, manifest };
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    throw error;
  }
}
