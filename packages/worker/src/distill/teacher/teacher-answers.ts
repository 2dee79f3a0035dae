// A teacher's outputs for rows that come again: computed once, and kept. Rows are always answered in the same groups,
// so the bits of an answer depend only on the set, not on the batch in which a row first came.
import { tf } from '@stillhouse/native/tfjs';
import { limits } from '@stillhouse/core';
import type { RowIds } from '@stillhouse/core/cluster';

export interface AnswerSource {
  readonly rowCount: number;
  /** How many variants of each row there are. */
  readonly variants: number;
  /** Shape of one row's input. */
  readonly inputShape: readonly number[];
  /** Inputs of rows, as the student gets them in a variant. */
  readonly read: (rows: readonly number[], variant: number) => Promise<Float32Array>;
  /** Outputs, then features, of a batch. */
  readonly respond: (x: tf.Tensor) => Promise<tf.Tensor[]>;
}

/** One of a teacher's outputs for a group of rows. */
interface Answer {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

const widthOf = ({ shape }: Answer): number => shape.slice(1).reduce((product, size) => product * size, 1);
const bytesOfRow = (answers: readonly Answer[]): number =>
  4 * answers.reduce((sum, answer) => sum + widthOf(answer), 0);

export class TeacherAnswers {
  readonly #groups = new Map<string, Promise<readonly Answer[]>>();
  /** Whether all answers together may be kept; known from the first ones. */
  #mayKeep: boolean | undefined;

  constructor(
    private readonly source: AnswerSource,
    private readonly keptBytes: number = limits.teacherAnswersBytes,
  ) {}

  /**
   * Outputs [rows, outputs], then features, of rows in a variant; undefined if keeping them would take too much memory.
   */
  async of(rows: RowIds, variant: number): Promise<tf.Tensor[] | undefined> {
    if (this.#mayKeep === false) return undefined;
    const size = limits.evaluationBatchRows;
    const groups = new Map<number, readonly Answer[]>();
    for (const row of rows) {
      const index = Math.floor(row / size);
      if (!groups.has(index)) groups.set(index, await this.#group(index, variant));
    }
    const [first] = groups.values();
    // A function of only the set: a run that continues after a crash decides as before.
    this.#mayKeep ??= bytesOfRow(first) * this.source.rowCount * this.source.variants <= this.keptBytes;
    if (!this.#mayKeep) {
      this.#groups.clear();
      return undefined;
    }
    return first.map((answer, part) => {
      const width = widthOf(answer);
      const values = new Float32Array(rows.length * width);
      for (let i = 0; i < rows.length; i++) {
        const at = (rows[i] % size) * width;
        values.set(groups.get(Math.floor(rows[i] / size))![part].values.subarray(at, at + width), i * width);
      }
      return tf.tensor(values, [rows.length, ...answer.shape.slice(1)]);
    });
  }

  #group(index: number, variant: number): Promise<readonly Answer[]> {
    const key = `${variant} ${index}`;
    const known = this.#groups.get(key) ?? this.#answer(index, variant);
    this.#groups.set(key, known);
    return known;
  }

  async #answer(index: number, variant: number): Promise<readonly Answer[]> {
    const { rowCount, inputShape, read, respond } = this.source;
    const first = index * limits.evaluationBatchRows;
    const rows = Array.from({ length: Math.min(limits.evaluationBatchRows, rowCount - first) }, (_, i) => first + i);
    const x = tf.tensor(await read(rows, variant), [rows.length, ...inputShape]);
    const given = await respond(x);
    const answers = await Promise.all(
      given.map(async (tensor): Promise<Answer> => ({
        shape: tensor.shape,
        values: (await tensor.data()) as Float32Array,
      })),
    );
    tf.dispose([x, ...given]);
    return answers;
  }
}
