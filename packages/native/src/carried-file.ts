// Which files of an engine another machine needs.
import { runtimeLibrary } from './cuda-names.js';

/** What only an installation needs. */
const forInstalling = /^(include|tfjs-node-gpu\/(binding|scripts|src))(\/|$)/;
const libraryOfNvidia = /^nvidia\/.*\.so[\d.]*$/;

/**
 * @param path below the engine's folder, with slashes
 * @param withCuda whether NVIDIA's libraries go along; the one that a machine with CUDA 13 lacks always does
 */
export function isCarried(path: string, withCuda: boolean): boolean {
  if (forInstalling.test(path)) return false;
  return withCuda || !libraryOfNvidia.test(path) || path.endsWith(`/${runtimeLibrary}`);
}
