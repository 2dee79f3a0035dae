// The port through which a run starts its own workers: as processes on this machine, or as a launcher sees fit.
import type { ErrorRecord } from '@stillhouse/core';
import type { BackendName } from '@stillhouse/worker/light';

/** How workers reach their run. */
export interface LaunchTarget {
  readonly coordinator: string;
  readonly token: string;
  readonly backend: BackendName;
  /** Interface or range of addresses over which they reach each other; undefined leaves that to them. */
  readonly network?: string | undefined;
  /** A coordinator that sends no heartbeat for this long counts as lost. */
  readonly heartbeatTimeoutMs: number;
  /** Log file of the worker with a name. */
  readonly logFile: (name: string) => string;
}

export interface WorkerPlace {
  /** Such as worker-1; a restarted worker keeps its name and its log. */
  readonly name: string;
  /** Environment variables in addition to this process's own. */
  readonly env: Readonly<Record<string, string>>;
}

export interface WorkerHandle {
  readonly name: string;
  /** Identifies the worker to its coordinator. */
  readonly instance: string;
}

export type WorkerExit =
  /** It was asked to leave, or the run is over. */
  | { readonly type: 'left' }
  /** Something outside it ended it: it may be restarted. */
  | { readonly type: 'killed'; readonly reason: string }
  /** It ended with an error, or could not be started: a restart would fail as well. */
  | { readonly type: 'failed'; readonly reason: string }
  /** It ended by itself before it could report why. */
  | { readonly type: 'crashed'; readonly error: ErrorRecord };

export interface Launcher {
  /** Starts one worker per place. A worker that cannot be started exits as `failed`. */
  start(places: readonly WorkerPlace[]): Promise<WorkerHandle[]>;
  /** Calls back once for each worker that ends, until `stop`. */
  onExit(listener: (worker: WorkerHandle, exit: WorkerExit) => void): void;
  /** Waits until all workers have ended; those that take too long are killed. */
  stop(): Promise<void>;
}
