// What a backend of TFJS is to Stillhouse. Each has a file of its own next to this one, and a line in registry.ts.

import type { EngineMode } from '@stillhouse/native';

export interface BackendKind {
  /** Why `auto` should not try it on this machine; undefined if it may. */
  obstacle(): Promise<string | undefined>;
  /**
   * Registers it with TFJS, once per process.
   * @param mode threads per rank, for engines that can have several; and whether tf32 is allowed
   * @returns what equal bits depend on, except the V8 that computes Math functions: engine, version, device, threads
   * @throws StillhouseError BACKEND_UNAVAILABLE
   */
  register(mode: EngineMode): Promise<string>;
  /** Whether it computes on a GPU here, once it is registered. */
  isOnGpu(): boolean;
}
