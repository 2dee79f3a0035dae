// The port through which a run starts workers of its own: processes on this machine, or whatever a launcher starts.
import type { ErrorRecord } from '@stillhouse/core';
import type { BackendName } from '@stillhouse/worker/light';

/** How workers reach their run. */
export interface LaunchTarget {
  readonly coordinator: string;
  readonly token: string;
  readonly backend: BackendName;
  /** Log file of the worker of a name. */
  readonly logFile: (name: string) => string;
}

export interface WorkerPlace {
  /** Such as worker-1; one that is started again keeps it, and its log. */
  readonly name: string;
  /** What its environment has beyond this process's own. */
  readonly env: Readonly<Record<string, string>>;
}

export interface WorkerHandle {
  readonly name: string;
  /** Under which the worker presents itself to its coordinator. */
  readonly instance: string;
}

export type WorkerExit =
  /** It was told to leave, or the run is over. */
  | { readonly type: 'left' }
  /** Something outside it ended it: it may be started again. */
  | { readonly type: 'killed'; readonly reason: string }
  /** It ended with an error, or could not be started: it would again. */
  | { readonly type: 'failed'; readonly reason: string }
  /** It ended by itself before it could report why. */
  | { readonly type: 'crashed'; readonly error: ErrorRecord };

export interface Launcher {
  /** Starts a worker for each place. A worker that cannot be started exits as `failed`. */
  start(places: readonly WorkerPlace[]): Promise<WorkerHandle[]>;
  /** Calls back once for each worker that ends, until `stop`. */
  onExit(listener: (worker: WorkerHandle, exit: WorkerExit) => void): void;
  /** Waits until all workers have ended; those that take too long are killed. */
  stop(): Promise<void>;
}
