// Teachers that are there already: of a run, of TFJS as layers and as a graph, several at once, and those that do not
// fit.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatMetric } from 'stillhouse';
import { loadModel } from '@stillhouse/worker';
import type { RecipeInput, RunRecord } from '@stillhouse/core';
import { canHide, hiding, Scratch, smallRecipe } from './cli.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

const taughtBy = (teacher: RecipeInput['teacher'], change: Partial<RecipeInput> = {}): RecipeInput => ({
  ...smallRecipe(change),
  teacher,
});
const shaOf = ({ student }: RunRecord): string => student!.weightsSha256;

describe('of a run', () => {
  let folder: string;
  let record: RunRecord;
  beforeAll(async () => void ({ folder, record } = await scratch.train(smallRecipe())));

  test('teaches the student that it taught in its own run, on any number of workers', async () => {
    const { record: again, stderr } = await scratch.trainByCommand(taughtBy({ pretrained: folder }));
    expect(again.teacher).toBeUndefined();
    const { r2, ...others } = again.student!.teacherTest!;
    expect(record.teacher!.test).toMatchObject(others);
    // The ranks' sums are added up in another order.
    expect(r2).toBeCloseTo(record.teacher!.test['r2'] as number, 9);
    expect(again.baseline!.teacherTest).toBeUndefined();
    expect(shaOf(again)).toBe(shaOf(record));
    expect(again.baseline!.weightsSha256).toBe(record.baseline!.weightsSha256);
    expect(stderr).not.toContain('teacher:');
    expect(
      shaOf((await scratch.train(taughtBy({ pretrained: `${folder}/teacher/model.json` }), { workers: 2 })).record),
    ).toBe(shaOf(record));
  });

  test('an ensemble of one teacher twice is that teacher, and adding another changes what is taught', async () => {
    const { folder: other } = await scratch.train(smallRecipe({ seed: 4 }));
    const twice = await scratch.train(taughtBy({ pretrained: [folder, folder] }));
    expect(shaOf(twice.record)).toBe(shaOf(record));
    const both = await scratch.train(taughtBy({ pretrained: [folder, `${other}/teacher`] }));
    expect(shaOf(both.record)).not.toBe(shaOf(record));
  });

  test.skipIf(!canHide)(
    'teaches a worker that has none of its files, over the network (skipped if mounts cannot be made: run as root)',
    async () => {
      const coordinator = scratch.start([
        'coordinator',
        scratch.recipe(taughtBy({ pretrained: folder })),
        '--listen',
        '127.0.0.1:0',
        '--workers',
        '1',
        '--out',
        scratch.out(),
        '--token',
        'secret',
        '--json',
      ]);
      const address = /ws:\S+:\d+/.exec(await coordinator.logged(/listening at .*\n/))![0];
      const worker = await scratch.run(['worker', '--coordinator', address, '--token', 'secret'], {
        within: hiding(scratch.path('prepared'), scratch.path('tiny')),
        env: { STILLHOUSE_CACHE: scratch.path('worker-cache') },
      });
      const { code, stdout, stderr } = await coordinator.result;
      expect([code, worker.code], `${stderr}\n${worker.stderr}`).toEqual([0, 0]);
      expect(shaOf(JSON.parse(stdout) as RunRecord)).toBe(shaOf(record));
    },
  );

  test('is tested, as the summary, a comparison and a sweep show', async () => {
    const recipe = scratch.recipe(taughtBy({ pretrained: folder }));
    const there = scratch.out();
    const shown = formatMetric('rmse', record.teacher!.test['rmse'] as number);
    const { stdout } = await scratch.run(['run', recipe, '--out', there]);
    expect(stdout).toMatch(new RegExp(`^teacher +– +– .*${shown}.*–$`, 'm'));
    const r2 = formatMetric('r2', record.teacher!.test['r2'] as number);
    expect((await scratch.run(['compare', folder, there])).stdout).toMatch(
      new RegExp(`^teacher: test r2 +${r2} +${r2}$`, 'm'),
    );
    const { stdout: swept, stderr } = await scratch.run([
      'sweep',
      recipe,
      '--metric',
      'rmse',
      '--seeds',
      '1',
      '--out',
      scratch.out(),
    ]);
    expect(swept, stderr).toContain(shown);
  });

  test('a search is taught by it as well', async () => {
    const recipe = taughtBy({ pretrained: folder });
    const { record: tuned } = await scratch.train({
      ...recipe,
      distill: { ...recipe.distill, tune: { search: { name: 'sobol', trials: 2 }, folds: 2 } },
    });
    expect(tuned.tuned!.trainings).toBe(4);
    expect(tuned.student!.test.rows).toBe(50);
  });

  test('a report judges it like one that was trained there', async () => {
    const { folder: taught } = await scratch.train(taughtBy({ pretrained: folder }));
    const { code, stderr } = await scratch.run(['report', taught]);
    expect(code, stderr).toBe(0);
    const [, row] = /<tr><td><span>teacher<\/span><\/td>(.*?)<\/tr>/.exec(
      readFileSync(`${taught}/report.html`, 'utf8'),
    )!;
    expect(row).toContain(`<span>${formatMetric('rmse', record.teacher!.test['rmse'] as number)} <small>`);
  });

  test('a student may be a teacher in turn', async () => {
    const { record: next } = await scratch.train(taughtBy({ pretrained: `${folder}/student` }));
    expect(shaOf(next)).not.toBe(shaOf(record));
  });
});

/** Classes of numbers in [0, 1): a CSV of two columns. */
const classes = (): {
  data: RecipeInput['data'];
  loss: 'softmaxCrossEntropy';
  student: NonNullable<RecipeInput['student']>;
} => {
  const csv = scratch.path('classes.csv');
  writeFileSync(
    csv,
    [
      'a,b,label',
      ...Array.from({ length: 60 }, (_, i) => `${(i % 7) / 7},${(i % 11) / 11},${['no', 'yes', 'maybe'][i % 3]}`),
    ].join('\n'),
  );
  return {
    data: { large: { csv }, small: { csv }, test: { csv }, table: { target: 'label', standardize: false } },
    loss: 'softmaxCrossEntropy',
    student: { model: { layers: [{ dense: 4, activation: 'relu' }, { dense: 3 }] }, epochs: 2, batch: 10 },
  };
};
const recipeFor = (pretrained: string, more: object = {}): RecipeInput => ({
  name: 'taught',
  seed: 1,
  ...classes(),
  teacher: { pretrained, ...more },
  distill: { alpha: 50, beta: 0.5 },
});

/** Saves what TFJS saves, to a folder, in two shards. */
async function save(model: tf.LayersModel, name: string): Promise<string> {
  const folder = scratch.path(name);
  mkdirSync(folder);
  await model.save(
    tf.io.withSaveHandler(async ({ modelTopology, weightSpecs, weightData }) => {
      const bytes = Buffer.from(weightData as ArrayBuffer);
      writeFileSync(`${folder}/a.bin`, bytes.subarray(0, 10));
      writeFileSync(`${folder}/b.bin`, bytes.subarray(10));
      writeFileSync(
        `${folder}/model.json`,
        JSON.stringify({
          format: 'layers-model',
          modelTopology,
          weightsManifest: [{ paths: ['a.bin', 'b.bin'], weights: weightSpecs }],
        }),
      );
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    }),
  );
  return folder;
}

describe('of TFJS', () => {
  const layersModel = (activation: 'linear' | 'softmax', units = 3): tf.LayersModel => {
    const model = tf.sequential({
      layers: [
        tf.layers.dense({
          units: 5,
          inputShape: [2],
          activation: 'tanh',
          kernelInitializer: tf.initializers.glorotUniform({ seed: 1 }),
        }),
        tf.layers.dense({ units, activation, kernelInitializer: tf.initializers.glorotUniform({ seed: 2 }) }),
      ],
    });
    return model;
  };
  let logits: string;
  let taught: RunRecord;
  beforeAll(async () => {
    await tf.setBackend('cpu');
    logits = await save(layersModel('linear'), 'logits');
    ({ record: taught } = await scratch.train(recipeFor(logits)));
  });

  test('weights in several shards are read', async () => {
    const loaded = await loadModel(
      readFileSync(`${logits}/model.json`, 'utf8'),
      Buffer.concat([readFileSync(`${logits}/a.bin`), readFileSync(`${logits}/b.bin`)]),
    );
    expect(loaded.countParams()).toBe(2 * 5 + 5 + 5 * 3 + 3);
    expect(taught.student!.test.rows).toBe(60);
  });

  test('a model that ends in softmax teaches what its logits would', async () => {
    const probabilities = await save(layersModel('softmax'), 'probabilities');
    const { record, folder } = await scratch.train(recipeFor(probabilities));
    const { folder: plain } = await scratch.train(recipeFor(logits));
    const weightsOf = (run: string): Float32Array =>
      new Float32Array(new Uint8Array(readFileSync(`${run}/student/weights.bin`)).buffer);
    const [a, b] = [weightsOf(folder), weightsOf(plain)];
    expect(Math.max(...a.map((value, i) => Math.abs(value - b[i])))).toBeLessThan(1e-4);
    expect(record.student!.test['accuracy']).toBe(taught.student!.test['accuracy']);
    // Taken for logits they teach something else.
    expect(shaOf((await scratch.train(recipeFor(probabilities, { outputs: 'logits' }))).record)).not.toBe(
      shaOf(record),
    );
  });

  const refused = async (recipe: RecipeInput): Promise<string> => {
    const { code, message, exitCode } = await scratch.refusal(recipe);
    expect(exitCode).toBe(2);
    return `${code}: ${message}`;
  };

  /** A graph y = x·W of TensorFlow's ops, as tensorflowjs_converter writes one. */
  function saveGraph(name: string, units: number): string {
    const folder = scratch.path(name);
    mkdirSync(folder);
    const weights = Float32Array.from({ length: 2 * units }, (_, i) => Math.sin(i + 1));
    const shape = (dims: number[]): object => ({ shape: { dim: dims.map((size) => ({ size: String(size) })) } });
    const node = [
      { name: 'x', op: 'Placeholder', attr: { dtype: { type: 'DT_FLOAT' }, shape: shape([-1, 2]) } },
      {
        name: 'w',
        op: 'Const',
        attr: {
          dtype: { type: 'DT_FLOAT' },
          value: { tensor: { dtype: 'DT_FLOAT', tensorShape: { dim: [{ size: '2' }, { size: String(units) }] } } },
        },
      },
      {
        name: 'product',
        op: 'MatMul',
        input: ['x', 'w'],
        attr: { T: { type: 'DT_FLOAT' }, transpose_a: { b: false }, transpose_b: { b: false } },
      },
      { name: 'y', op: 'Identity', input: ['product'], attr: { T: { type: 'DT_FLOAT' } } },
    ];
    const signature = {
      inputs: { x: { name: 'x:0', dtype: 'DT_FLOAT', tensorShape: { dim: [{ size: '-1' }, { size: '2' }] } } },
      outputs: {
        y: { name: 'y:0', dtype: 'DT_FLOAT', tensorShape: { dim: [{ size: '-1' }, { size: String(units) }] } },
      },
    };
    writeFileSync(`${folder}/w.bin`, Buffer.from(weights.buffer));
    writeFileSync(
      `${folder}/model.json`,
      JSON.stringify({
        format: 'graph-model',
        signature,
        modelTopology: { node, versions: { producer: 1 } },
        weightsManifest: [{ paths: ['w.bin'], weights: [{ name: 'w', shape: [2, units], dtype: 'float32' }] }],
      }),
    );
    return folder;
  }

  test('a graph model teaches, and its nodes can be hints', async () => {
    const graph = saveGraph('graph', 3);
    const { record } = await scratch.train(recipeFor(graph));
    expect(shaOf(record)).not.toBe(shaOf(taught));
    const hinted = await scratch.train({
      ...recipeFor(graph),
      distill: { alpha: 50, terms: [{ name: 'kd' }, { name: 'hint', teacher: 'product' }] },
    });
    expect(shaOf(hinted.record)).not.toBe(shaOf(record));
    expect(await refused({ ...recipeFor(graph), distill: { terms: [{ name: 'hint', teacher: 'other' }] } })).toContain(
      "MODEL_LAYER: distill.terms[0].teacher names the node other, which the teacher's graph does not have",
    );
  });

  test('a teacher that is too sure is calibrated first, and the run says so', async () => {
    const { record, folder } = await scratch.train({
      ...recipeFor(logits),
      distill: { alpha: 50, beta: 0.5, calibrate: true },
    });
    const { temperature, rows, before, after } = record.student!.calibration!;
    expect(rows).toBe(60);
    expect(temperature).toBeGreaterThan(0);
    expect(after.loss).toBeLessThanOrEqual(before.loss);
    expect(record.baseline!.calibration).toBeUndefined();
    expect(record.student!.test['ece']).toBeGreaterThanOrEqual(0);
    const { stdout } = await scratch.run(['evaluate', folder, '--json']);
    expect((JSON.parse(stdout) as { student: { ece: number } }).student.ece).toBeCloseTo(
      record.student!.test['ece'] as number,
      6,
    );
  });

  test('one that does not fit is refused, each with a sentence', async () => {
    expect(await refused(recipeFor(scratch.path('nowhere')))).toMatch(/TEACHER_NOT_FOUND: .*nowhere does not exist/);
    expect(await refused(recipeFor(scratch.folder))).toMatch(/TEACHER_NOT_FOUND: .* contains no model\.json/);
    expect(await refused(recipeFor(await save(layersModel('linear', 4), 'four')))).toMatch(
      /TEACHER_UNLIKE: the teacher .*four has outputs of shape \[4\], but the student must have \[3\]/,
    );
    expect(
      await refused(
        recipeFor(await save(tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [9] })] }), 'nine')),
      ),
    ).toMatch(/TEACHER_UNLIKE: the teacher .*nine does not accept rows of shape \[2\]/);
    const { folder } = await scratch.train(smallRecipe());
    expect(await refused(recipeFor(folder))).toMatch(
      /TEACHER_UNLIKE: the teacher .* was trained with mse, but the recipe's loss is softmaxCrossEntropy/,
    );
    expect(
      await refused({ ...taughtBy({ pretrained: [folder, folder] }), distill: { terms: [{ name: 'hint' }] } }),
    ).toContain('MODEL_LAYER: distill.terms[0].teacher cannot be compared: the teacher is an ensemble');
  });
});
