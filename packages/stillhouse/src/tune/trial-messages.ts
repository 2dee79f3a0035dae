// The messages between a process that runs trials and the process that started it.
import type { ErrorRecord, Job } from '@stillhouse/core';
import type { Metrics } from '@stillhouse/core/training';
import type { TrialFold, TunedValues } from '@stillhouse/core/tune';
import type { BackendName } from '@stillhouse/worker/light';

export interface TrialSetting {
  readonly job: Job;
  readonly backend: BackendName;
  /** File of the weights of a teacher that was trained here, and their SHA-256. */
  readonly teacher: { readonly file: string; readonly sha256: string } | undefined;
}

export interface TrialRequest {
  readonly values: TunedValues;
  readonly fold: TrialFold;
  readonly phase: 'student' | 'baseline';
}

export type ToTrials =
  { readonly type: 'begin'; readonly setting: TrialSetting } | { readonly type: 'run'; readonly request: TrialRequest };

/**
 * Metrics on the held-out fold, or why there are none: training failed in a way that says something about the values.
 */
export type TrialOutcome =
  | { readonly metrics: Metrics; /** Epoch by epoch, if the fold is watched. */ readonly curve?: readonly Metrics[] }
  | { readonly notFinite: string };

export interface TrialResult {
  readonly outcome: TrialOutcome;
  readonly fingerprint: string;
  readonly seconds: number;
}

export type FromTrials =
  ({ readonly type: 'result' } & TrialResult) | { readonly type: 'failed'; readonly error: ErrorRecord };
