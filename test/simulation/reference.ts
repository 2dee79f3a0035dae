// What a run must give, by plain loops over the definition: no cluster, no machines, no collective.
import { phaseLearningRate, phaseOf, phasesOf, type Job, type PhaseName } from '@stillhouse/core';
import { emptySums, finishMetrics, lossOf, smallerIsBetter } from '@stillhouse/core/training';
import { batchRows, epochOrder, rankShare, stepsPerEpoch } from '@stillhouse/core/cluster';
import { rounded } from './rounded.js';
import {
  hashState,
  hashWeights,
  startWeight,
  toyContribution,
  toyCorrection,
  toyEvaluation,
  toyStep,
  type ToyModel,
} from './toy-engine.js';

/** The tree by its definition: sum(lo, hi) = sum(lo, mid) + sum(mid, hi) in fp32, with each of its nodes rounded. */
function treeSum(
  leaves: readonly Float32Array[],
  round: (node: Float32Array) => Float32Array,
  { lo, hi }: { lo: number; hi: number } = { lo: 0, hi: leaves.length },
): Float32Array {
  if (hi - lo === 1) return round(leaves[lo]);
  const mid = lo + Math.floor((hi - lo) / 2);
  const right = treeSum(leaves, round, { lo: mid, hi });
  return round(treeSum(leaves, round, { lo, hi: mid }).map((value, i) => Math.fround(value + right[i])));
}

export interface ReferencePhase {
  readonly weightsSha256: string;
  readonly steps: number;
  /** Hash of the state by number of steps. */
  readonly states: readonly string[];
  /** Hash of the best weights by number of epochs; empty if there are none. */
  readonly bests: readonly string[];
}

function referencePhase(job: Job, name: PhaseName, model: ToyModel): ReferencePhase {
  const phase = phaseOf(job, name);
  const { distill, schedule, earlyStopping, validationSet, wire } = phase;
  const weights = Float32Array.from({ length: model.parameters }, (_, i) => startWeight(schedule.seed, i));
  const others = new Float32Array(model.otherWeights);
  const velocity = new Float32Array(model.parameters);
  let best: { readonly epoch: number; readonly value: number; readonly weights: Float32Array } | undefined;
  let steps = 0;
  const states = [hashState([weights, others, velocity])];
  const bests = [''];
  for (let epoch = 0; epoch < schedule.epochs; epoch++) {
    const order = epochOrder(schedule, epoch);
    for (let i = 0; i < stepsPerEpoch(schedule); i++, steps++) {
      const leaves = Array.from({ length: schedule.ranks }, (_, rank) => {
        const out = new Float32Array(model.parameters + model.otherWeights + schedule.ranks);
        toyContribution({
          weights,
          others,
          rows: order.rankRows({ step: steps, rank }),
          batch: batchRows(schedule, steps),
          rank,
          out,
        });
        return out;
      });
      const sum = treeSum(leaves, (node) => rounded(wire, node, model.parameters));
      toyStep(weights, velocity, sum, phaseLearningRate(phase, steps));
      others.set(sum.subarray(model.parameters, model.parameters + model.otherWeights));
      states.push(hashState([weights, others, velocity]));
    }
    bests.push(bests.at(-1)!);
    if (!earlyStopping || !validationSet) continue;
    const rows = job.dataset.sets[validationSet]!.rowCount;
    const total = emptySums({ loss: lossOf('mse') }, 1);
    for (let rank = 0; rank < schedule.ranks; rank++)
      toyEvaluation(weights, ...rankShare(rows, schedule.ranks, rank)).forEach((value, i) => (total[i] += value));
    const { metric, minDelta, patience, restoreBest } = earlyStopping;
    const value = finishMetrics({ loss: lossOf(job.recipe.loss) }, total)[metric]! * (smallerIsBetter(metric) ? 1 : -1);
    if (!best || value < best.value - minDelta) {
      best = { epoch, value, weights: weights.slice() };
      if (restoreBest) bests[bests.length - 1] = hashWeights(weights);
    }
    if (epoch - best.epoch >= patience) break;
  }
  if (earlyStopping?.restoreBest && best) weights.set(best.weights);
  if (distill?.correctBiases) toyCorrection(weights);
  return { weightsSha256: hashWeights(weights), steps, states, bests };
}

export function referenceRun(job: Job, model: ToyModel): Map<PhaseName, ReferencePhase> {
  return new Map(phasesOf(job.recipe).map((name) => [name, referencePhase(job, name, model)]));
}
