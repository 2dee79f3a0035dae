// Memory that processes of one host share (binding/shared_memory.cc): compiled with the engine, on Linux.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { sharedMemoryFile } from './binding.js';
import { installedEngines } from './home.js';

const require = createRequire(import.meta.url);

/** Files have no name and a fixed length; parts of them appear in the place of a buffer's pages. */
export interface SharedMemory {
  readonly pageBytes: number;
  /** @returns the descriptor of a new file of that length, which takes memory only where it is written */
  create(bytes: number): number;
  /**
   * @param file descriptor that `create` returned in the process with this number, for a file of that length
   * @returns its descriptor here, for reading
   */
  open(pid: number, file: number, bytes: number): number;
  close(file: number): void;
  /** Shows a file's numbers in the pages of a buffer; only an own file may be written to. */
  show(buffer: Float32Array, file: number, offset: number, isOwn: boolean): void;
  /** Gives a buffer zeroed pages of its own again. */
  hide(buffer: Float32Array): void;
}

let loaded: SharedMemory | undefined;

/** Undefined if no engine with this binding is installed. */
export function sharedMemory(env: NodeJS.ProcessEnv): SharedMemory | undefined {
  if (loaded) return loaded;
  const folder = installedEngines(env, 'tensorflow')[0]?.folder;
  const file = folder && join(folder, sharedMemoryFile);
  if (file && existsSync(file)) loaded = require(file) as SharedMemory;
  return loaded;
}
