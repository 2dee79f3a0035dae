// What a preparation leaves on disk: its result, how far it has come, and a lock while it is under way.
import { existsSync, mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StillhouseError, type DatasetManifest } from '@stillhouse/core';
import type { FileIdentity } from '../fetch/files.js';
import type { Preprocessing } from '../table/preprocessing.js';
import type { FittedTensors } from '../tensor/tensor-rows.js';

export interface PreparedFile extends Fitted {
  readonly manifest: DatasetManifest;
  readonly warnings: readonly string[];
  readonly sources: readonly FileIdentity[];
  /** Blocks in the order in which they were written, by set, or by segment of a set. */
  readonly written: Readonly<Record<string, readonly string[]>>;
}

export interface Progress {
  readonly fitted?: Fitted;
  readonly block?: { readonly set: string; readonly hash: string };
}

/** How rows become inputs and labels. */
export interface FittedRows {
  readonly preprocessing: Preprocessing | null;
  readonly tensors: FittedTensors | null;
}

/** What the first reading of the sources has found out. */
export interface Fitted extends FittedRows {
  /** With what the small set adds to the large one, if it does. */
  readonly student: FittedRows | null;
}

export function readJson<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch {
    return undefined;
  }
}

export function writeWhole(file: string, text: string): void {
  writeFileSync(`${file}.${process.pid}`, text);
  renameSync(`${file}.${process.pid}`, file);
}

/** What an interrupted preparation had done; its last line may be cut off. */
export function readProgress(file: string): { fitted: Fitted | undefined; blocks: Map<string, string[]> } {
  const blocks = new Map<string, string[]>();
  let fitted: Fitted | undefined;
  for (const line of existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []) {
    try {
      const entry = JSON.parse(line) as Progress;
      fitted ??= entry.fitted;
      if (entry.block) blocks.set(entry.block.set, [...(blocks.get(entry.block.set) ?? []), entry.block.hash]);
    } catch {
      // The end of the file, or the place where a process was killed.
    }
  }
  return { fitted, blocks };
}

export const lockName = 'lock';
const lockPollMs = 200;
const lockTries = 18_000;

/** Lets one process at a time prepare the same data in a folder; a lock whose owner is gone does not count. The folder goes with the lock, if it is empty. */
export async function lock(scratch: string): Promise<() => void> {
  const file = join(scratch, lockName);
  for (let tries = 0; tries < lockTries; tries++) {
    try {
      mkdirSync(scratch, { recursive: true });
      writeFileSync(file, String(process.pid), { flag: 'wx' });
      return () => {
        rmSync(file, { force: true });
        try {
          rmdirSync(scratch);
        } catch {
          // There is something in it, or another process has it now.
        }
      };
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    }
    const owner = Number(existsSync(file) ? readFileSync(file, 'utf8') : 0);
    if (owner > 0 && !isAlive(owner)) rmSync(file, { force: true });
    else await new Promise((resolve) => setTimeout(resolve, lockPollMs));
  }
  throw new StillhouseError('DATA_SPACE', `another process prepares the same data and does not end`, {
    next: `Wait for it, or remove ${file}.`,
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
