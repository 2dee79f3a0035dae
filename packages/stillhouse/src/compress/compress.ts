// Models in smaller formats: what each takes, how good and how fast it is, and which of them no other one beats.
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import {
  floatsOf,
  quantizeModel,
  StillhouseError,
  type Metrics,
  type PhaseName,
  type WeightFormat,
} from '@stillhouse/core';
import type { BackendName } from '@stillhouse/worker';
import { differences } from '../report/compare.js';
import { judgeModel, timeRows, type TestRows } from '../report/judge.js';
import { readModelFiles, type TrainedRun } from '../runs/trained-run.js';

export interface CompressedModel {
  /** Run and model that it comes from. */
  readonly from: string;
  readonly format: WeightFormat;
  readonly folder: string;
  /** Of the weights; gzipped as a server would send them. */
  readonly bytes: number;
  readonly gzippedBytes: number;
  /** Share of the weights that are 0. */
  readonly sparsity: number;
  readonly metrics: Metrics;
  /** Share of wrong rows, or rmse, with its 95 % interval over test rows. */
  readonly error: number;
  readonly interval: readonly [low: number, high: number];
  /** Milliseconds for one row at a time, by backend. */
  readonly rowMs: Partial<Record<BackendName, number>>;
  /** Whether no other model is both smaller, gzipped, and better. */
  readonly isFront: boolean;
}

interface Files {
  readonly json: string;
  readonly weights: Uint8Array;
}

/** Whether each is beaten by none that is as small and as good, and smaller or better. */
export function paretoFront(models: readonly { readonly gzippedBytes: number; readonly error: number }[]): boolean[] {
  return models.map(
    (one) =>
      !models.some(
        (other) =>
          other.gzippedBytes <= one.gzippedBytes &&
          other.error <= one.error &&
          (other.gzippedBytes < one.gzippedBytes || other.error < one.error),
      ),
  );
}

function write(folder: string, { json, weights }: Files): void {
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'model.json'), json);
    writeFileSync(join(folder, 'weights.bin'), weights);
  } catch (cause) {
    throw new StillhouseError(
      'OUT_UNWRITABLE',
      `${folder} cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

export interface CompressTask {
  readonly run: TrainedRun;
  readonly name: PhaseName;
  readonly test: TestRows;
}

/** Differences that a name can hold. */
const shownDifferences = 3;

/** Names that tell the models apart: by where their recipes differ if that is little, else by their folders. */
export function namesOf(tasks: readonly Pick<CompressTask, 'run' | 'name'>[]): string[] {
  const found = differences(tasks.map(({ run }) => run.recipe));
  const isTold = found.length <= shownDifferences;
  return tasks.map(({ run, name }, i) =>
    [
      `${isTold ? run.recipe.name : basename(run.folder)} ${name}`,
      ...(isTold
        ? found
            .filter(({ path }) => path !== 'name')
            .map(({ path, values }) => `${path.slice(path.lastIndexOf('.') + 1)} ${values[i]}`)
        : []),
    ].join(', '),
  );
}

/**
 * Writes each model in each format, tests it on the first backend and times it on all of them.
 * @throws StillhouseError OUT_UNWRITABLE, and for models that cannot be read
 */
export async function compress(
  tasks: readonly CompressTask[],
  options: { formats: readonly WeightFormat[]; backends: readonly BackendName[]; out: string },
): Promise<CompressedModel[]> {
  const { formats, backends, out } = options;
  const names = namesOf(tasks);
  const variants = tasks.flatMap(({ run, name, test }, i) => {
    const { json, weights } = readModelFiles(run, name);
    const floats = floatsOf(weights);
    const sparsity = floats.filter((value) => value === 0).length / floats.length;
    return formats.map((format) => {
      const files = quantizeModel(json, weights, format);
      const folder = join(out, `${i + 1}-${name}-${format}`);
      write(folder, files);
      return {
        from: names[i],
        format,
        folder,
        test,
        files,
        bytes: files.weights.length,
        gzippedBytes: gzipSync(files.weights, { level: 9 }).length,
        sparsity,
      };
    });
  });
  const { loadModel, openInferenceBackend, predictOf } = await import('@stillhouse/worker');
  const judged: { metrics: Metrics; error: number; interval: readonly [number, number] }[] = [];
  const times: Partial<Record<BackendName, number>>[] = variants.map(() => ({}));
  for (const backend of backends) {
    await openInferenceBackend(backend);
    for (const [i, { files, test }] of variants.entries()) {
      const model = await loadModel(files.json, files.weights);
      if (judged.length === i) {
        const { metrics, interval } = await judgeModel(predictOf(model), test);
        judged.push({
          metrics,
          interval,
          error: test.loss.labels !== 'numbers' ? 1 - metrics.accuracy! : metrics.rmse!,
        });
      }
      times[i][backend] = await timeRows(predictOf(model), test, 1);
      model.dispose();
    }
  }
  const front = paretoFront(variants.map(({ gzippedBytes }, i) => ({ gzippedBytes, error: judged[i].error })));
  return variants.map(({ from, format, folder, bytes, gzippedBytes, sparsity }, i) => ({
    from,
    format,
    folder,
    bytes,
    gzippedBytes,
    sparsity,
    ...judged[i],
    rowMs: times[i],
    isFront: front[i],
  }));
}
