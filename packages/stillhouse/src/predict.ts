// Rows as text, and predictions as text. Tables come as CSV with a header, other rows as numbers, one row a line.
import { encodeCells, inputWidth, StillhouseError, targetCount, type TensorColumn } from '@stillhouse/core';
import { encodeCsv } from '@stillhouse/datasets';
import type { TrainedModel } from './runs/trained-run.js';

export interface InputRows {
  readonly rowCount: number;
  /** [rowCount, …inputShape]. */
  readonly inputs: Float32Array;
}

type Metadata = TrainedModel['metadata'];
type Outputs = Pick<Metadata, 'loss' | 'classes' | 'targets'>;

function numbersOf(line: string, lineNumber: number, width: number): number[] {
  const bad = (why: string): never => {
    throw new StillhouseError('PREDICT_ROW', `line ${lineNumber} ${why}`);
  };
  let values: unknown[];
  try {
    values = line.startsWith('[')
      ? (JSON.parse(line) as unknown[]).flat(Infinity)
      : line.split(',').map((cell) => (cell.trim() === '' ? NaN : Number(cell)));
  } catch {
    return bad('is not a JSON array');
  }
  const wrong = values.findIndex((value) => typeof value !== 'number' || !Number.isFinite(value));
  if (wrong >= 0) return bad(`has no number as value ${wrong + 1}`);
  if (values.length !== width) return bad(`has ${values.length} values; the model takes ${width}`);
  return values as number[];
}

/** @throws StillhouseError PREDICT_ROW, DATA_… naming the row */
export async function parseRows(text: string, { columns, inputShape }: Metadata): Promise<InputRows> {
  if (text.trim() === '') throw new StillhouseError('DATA_EMPTY', 'standard input holds no rows');
  const width = inputWidth(columns);
  const [column] = columns;
  if (column.type !== 'tensor') return encodeCsv(text, columns);
  const lines = text
    .split('\n')
    .flatMap((line, i) => (line.trim() === '' ? [] : [numbersOf(line.trim(), i + 1, width)]));
  return { rowCount: lines.length, inputs: encodeTensors(column, lines.flat(), lines.length, inputShape) };
}

function encodeTensors(
  column: TensorColumn,
  cells: readonly number[],
  rowCount: number,
  inputShape: readonly number[],
): Float32Array {
  const rows = Array.from({ length: rowCount }, (_, i) => i);
  const width = inputShape.reduce((product, size) => product * size, 1);
  const out = new Float32Array(rowCount * width);
  encodeCells(column, Float64Array.from(cells), 0, { from: rows, to: rows, out, width });
  return out;
}

export const softmax = (logits: readonly number[]): number[] => {
  const max = Math.max(...logits);
  const powers = logits.map((z) => Math.exp(z - max));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
};

export interface Prediction {
  /** Values, for regression. */
  readonly values?: readonly number[];
  /** Standard deviations of the values, where the model knows them. */
  readonly deviations?: readonly number[];
  /** Most probable class, for classes that exclude each other, or each output's, for those that do not. */
  readonly class?: string | readonly string[];
  readonly probabilities?: readonly number[];
}

/** Scaled targets in their own units. */
export const inUnits = (values: readonly number[], targets: Metadata['targets']): number[] =>
  values.map((value, k) => (targets[k] ? value * targets[k].deviation + targets[k].mean : value));

/** @param outputs of one row */
export function predictionOf(outputs: readonly number[], { loss, classes, targets }: Outputs): Prediction {
  if (loss === 'softmaxCrossEntropy') {
    const probabilities = softmax(outputs);
    const best = probabilities.indexOf(Math.max(...probabilities));
    return { class: classes?.[best] ?? String(best), probabilities };
  }
  if (loss === 'binaryCrossEntropy') {
    const probabilities = outputs.map((z) => 1 / (1 + Math.exp(-z)));
    const named = probabilities.map((p) => classes?.[p > 0.5 ? 1 : 0] ?? (p > 0.5 ? '1' : '0'));
    return { class: named.length === 1 ? named[0] : named, probabilities };
  }
  if (loss !== 'gaussian') return { values: inUnits(outputs, targets) };
  const count = targetCount(loss, outputs.length);
  return {
    values: inUnits(outputs.slice(0, count), targets),
    deviations: outputs.slice(count).map((logVariance, k) => (targets[k]?.deviation ?? 1) * Math.exp(logVariance / 2)),
  };
}

const digits = (value: number): string => String(Number(value.toPrecision(7)));

/** One line of CSV: values and their deviations, or class and probability. */
export function predictionLine({ values, deviations = [], class: named, probabilities }: Prediction): string {
  if (values) return [...values, ...deviations].map(digits).join(',');
  if (typeof named === 'string' && probabilities) return `${named},${digits(Math.max(...probabilities))}`;
  return [...(named as readonly string[]), ...probabilities!.map(digits)].join(',');
}
