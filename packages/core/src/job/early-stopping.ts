// Early stopping as a function of the history of validation metrics; every worker makes the same decision.
import { smallerIsBetter, type Metrics } from '../metric/metrics.js';
import type { EarlyStoppingConfig } from '../recipe/training.js';

export interface EarlyStoppingDecision {
  /** Whether the newest epoch is the best so far. */
  readonly improved: boolean;
  readonly stop: boolean;
  /** Counted from 0, as in the history. */
  readonly bestEpoch: number;
  /** For people, who count epochs from 1. */
  readonly reason: string;
}

/** @param history validation metrics of the epochs so far; a metric that is not finite never improves */
export function decideEarlyStopping(config: EarlyStoppingConfig, history: readonly Metrics[]): EarlyStoppingDecision {
  const sign = smallerIsBetter(config.metric) ? 1 : -1;
  let best = Infinity;
  let bestEpoch = 0;
  history.forEach((metrics, epoch) => {
    const value = sign * (metrics[config.metric] ?? NaN);
    if (value < best - config.minDelta) {
      best = value;
      bestEpoch = epoch;
    }
  });
  const newest = history.length - 1;
  const since = newest - bestEpoch;
  const stop = since >= config.patience;
  const reason = stop
    ? `${config.metric} has not improved for ${since} ${since === 1 ? 'epoch' : 'epochs'}`
    : `best ${config.metric} in epoch ${bestEpoch + 1}`;
  return { improved: bestEpoch === newest, stop, bestEpoch, reason };
}
