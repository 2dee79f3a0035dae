// Kill anything: real processes that are killed, stopped, asked to leave and started at random moments, compared by the
// hash of their weights with one worker that nobody disturbed.
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { hashName, limits, randomStream, type RecipeInput, type RunRecord } from '@stillhouse/core';
import { resume } from 'stillhouse';
import { isNight, onlyAtNight, Scratch, smallRecipe, type Running } from './cli.js';
import { hashesOf, pauseEnv, ProcessCluster, unhurried, type Hashes } from './processes.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

const module = unhurried(scratch);

/** Long enough that something can happen: a few seconds of training. */
const recipes: Record<string, RecipeInput> = {
  dense: smallRecipe({
    name: 'dense',
    ranks: 4,
    data: {
      large: { generator: 'friedman1', rows: 2007 },
      small: { generator: 'friedman1', rows: 60, seed: 1 },
      test: { generator: 'friedman1', rows: 50, seed: 2 },
    },
    teacher: {
      model: { module, export: 'teacher' },
      batch: 128,
      epochs: 4,
      validation: 0.1,
      earlyStopping: { patience: 3 },
    },
    student: { model: { module, export: 'student' }, epochs: 3, batch: 8 },
  }),
  convolutional: smallRecipe({
    name: 'convolutional',
    ranks: 3,
    data: {
      large: { generator: 'friedman1', rows: 2003 },
      small: { generator: 'friedman1', rows: 60, seed: 1 },
      test: { generator: 'friedman1', rows: 50, seed: 2 },
    },
    teacher: {
      model: { module, export: 'convolutional' },
      batch: 128,
      epochs: 3,
      optimizer: { name: 'adamw', clipNorm: 0.5, weightDecay: 0.01 },
      schedule: { name: 'cosine', warmupSteps: 5 },
    },
    student: { model: { module, export: 'convolutional' }, epochs: 2, batch: 30 },
  }),
};

const references = new Map<string, Promise<Hashes>>();

/** What one worker makes of a recipe when nothing happens to it; trained once. */
function undisturbed(recipe: RecipeInput): Promise<Hashes> {
  const key = JSON.stringify(recipe);
  const reference =
    references.get(key) ?? scratch.train(recipe, { backend: 'wasm' }).then(({ record }) => hashesOf(record));
  references.set(key, reference);
  return reference;
}

const everyRowOnce = (record: RunRecord): void => {
  for (const phase of [record.teacher!, record.student!, record.baseline!]) {
    expect(phase.epochs.map(({ epoch }) => epoch)).toEqual(phase.epochs.map((_, i) => i));
    for (const epoch of phase.epochs) expect(epoch.rowsDigest).toBe(phase.expectedRowsDigest);
  }
};

// Each event happens to one of the models in every run, and to both at night.
describe.each(Object.entries(recipes))('%s', (name, recipe) => {
  const inEachRunOn = (model: string) => test.skipIf(name !== model && !isNight);
  const suffix = (model: string): string => (name === model ? '' : ` ${onlyAtNight}`);

  inEachRunOn('dense')(
    `workers are killed, stopped, asked to leave, and join, at random moments${suffix('dense')}`,
    async () => {
      const random = randomStream(hashName(name), 1);
      const cluster = new ProcessCluster(scratch, recipe, ['--heartbeat-timeout', '2', '--checkpoint-every', '1']);
      await cluster.start(3);
      const done = cluster.coordinator.logged(/teacher: (all epochs done|stopped)/).then(
        () => true,
        () => true,
      );
      const deeds: ((worker: Running) => Promise<void> | void)[] = [
        (worker) => cluster.kill(worker),
        (worker) => cluster.signal(worker, 'SIGTERM'),
        async (worker) => {
          cluster.signal(worker, 'SIGSTOP');
          await delay(200 + 3000 * random());
          cluster.signal(worker, 'SIGCONT');
        },
      ];
      for (let i = 0; i < 8 && !(await Promise.race([done, delay(100 + 700 * random())])); i++) {
        const living = cluster.living;
        // One worker always stays, so that nothing is lost.
        if (living.length < 3) cluster.join();
        if (living.length > 1) await deeds[i % deeds.length](living[Math.floor(random() * living.length)]);
      }
      if (cluster.living.length === 0) cluster.join();
      const record = await cluster.finish();
      expect(hashesOf(record)).toEqual(await undisturbed(recipe));
      everyRowOnce(record);
      expect(record.membershipChanges).toBeGreaterThan(0);
    },
  );

  inEachRunOn('dense')(
    `the coordinator is killed; its workers go on, and a successor takes them over${suffix('dense')}`,
    async () => {
      const cluster = new ProcessCluster(scratch, recipe, ['--checkpoint-every', '1']);
      await cluster.start(2);
      await cluster.coordinator.logged(/epoch 1\//);
      cluster.coordinator.child.kill('SIGKILL');
      await cluster.coordinator.result;
      await delay(500);
      await cluster.resume();
      const record = await cluster.finish();
      expect(hashesOf(record)).toEqual(await undisturbed(recipe));
      everyRowOnce(record);
      const workers = await Promise.all(cluster.workers.map(({ result }) => result));
      expect(workers.map(({ code }) => code)).toEqual([0, 0]);
    },
  );

  inEachRunOn('convolutional')(
    `everything is killed at once; the run resumes from the newest undamaged checkpoint${suffix('convolutional')}`,
    async () => {
      const cluster = new ProcessCluster(scratch, recipe, ['--checkpoint-every', '0.3']);
      await cluster.start(2);
      const folder = join(cluster.out, 'checkpoints');
      // One that has been written and is not in the journal yet does not count.
      const hashIn = (file: string): string => /-([0-9a-f]{16})\.safetensors$/.exec(file)![1];
      const whole = (): string[] => {
        const journal = readFileSync(join(cluster.out, 'journal.jsonl'), 'utf8');
        return readdirSync(folder)
          .filter(
            (file) => file.startsWith('teacher') && file.endsWith('.safetensors') && journal.includes(hashIn(file)),
          )
          .sort();
      };
      for (let waited = 0; whole().length < 2 && waited < 200; waited++) await delay(50);
      cluster.coordinator.child.kill('SIGKILL');
      cluster.workers.forEach((worker) => cluster.kill(worker));
      await Promise.all([cluster.coordinator, ...cluster.workers].map(({ result }) => result));
      const files = whole();
      expect(files.length).toBeGreaterThan(1);
      truncateSync(join(folder, files.at(-1)!), 100);
      const { code, stdout, stderr } = await scratch.run([
        'run',
        '--resume',
        cluster.out,
        '--workers',
        '3',
        '--backend',
        'wasm',
        '--json',
      ]);
      expect(stderr).toMatch(/checkpoint .* cannot be used/);
      expect(stderr).toMatch(/continues from the checkpoint at operation/);
      expect(code).toBe(0);
      const record = JSON.parse(stdout) as RunRecord;
      expect(hashesOf(record)).toEqual(await undisturbed(recipe));
      everyRowOnce(record);
      expect(scratch.readRecord(cluster.out).status).toBe('done');
    },
  );
});

test('workers are killed while gradients travel as bytes', async () => {
  const recipe: RecipeInput = { ...recipes['dense'], wire: 'int8' };
  const cluster = new ProcessCluster(scratch, recipe, ['--heartbeat-timeout', '2']);
  await cluster.start(3);
  for (let epoch = 1; epoch <= 2; epoch++) {
    await cluster.coordinator.logged(new RegExp(`epoch ${epoch}/`));
    cluster.kill(cluster.living[0]);
    cluster.join();
  }
  const record = await cluster.finish();
  expect(hashesOf(record)).toEqual(await undisturbed(recipe));
  everyRowOnce(record);
  expect(record.membershipChanges).toBeGreaterThan(0);
});

test('a training state of more than one message is copied by a thread, and the run resumes from it', async () => {
  const recipe: RecipeInput = {
    ...recipes['dense'],
    data: { ...recipes['dense'].data, large: { generator: 'friedman1', rows: 3001 } },
    teacher: {
      model: { layers: [{ dense: 300, activation: 'relu' }, { dense: 300, activation: 'relu' }, { dense: 1 }] },
      epochs: 2,
    },
  };
  const cluster = new ProcessCluster(scratch, recipe, ['--checkpoint-every', '0.3']);
  await cluster.start(1);
  const journal = join(cluster.out, 'journal.jsonl');
  for (let waited = 0; !readFileSync(journal, 'utf8').includes('"checkpoint"') && waited < 400; waited++)
    await delay(50);
  cluster.coordinator.child.kill('SIGKILL');
  cluster.kill(cluster.workers[0]);
  const [, worker] = await Promise.all([cluster.coordinator, cluster.workers[0]].map(({ result }) => result));
  const bytes = Number(/copied (\d+) bytes for a checkpoint/.exec(worker.stderr)![1]);
  expect(bytes).toBeGreaterThan(limits.statePartBytes);
  const starts: number[] = [];
  const { record } = await resume(cluster.out, {
    workers: 1,
    backend: 'wasm',
    onNotice: (notice) => {
      if (notice.type === 'phaseAssigned' && notice.phase === 'teacher') starts.push(notice.ops);
    },
  });
  expect(starts[0]).toBeGreaterThan(0);
  expect(record.incidents.map(({ what }) => what).join()).not.toContain('cannot be used');
  expect(hashesOf(record)).toEqual(await undisturbed(recipe));
});

test('distillation goes on from its newest checkpoint on another worker, and after everything was killed', async () => {
  const recipe: RecipeInput = {
    ...recipes['dense'],
    teacher: { ...recipes['dense'].teacher, epochs: 1 },
    student: { ...recipes['dense'].student!, epochs: 30 },
  };
  const expected = await undisturbed(recipe);
  const cluster = new ProcessCluster(scratch, recipe, ['--checkpoint-every', '0.2']);
  await cluster.start(2);
  const folder = join(cluster.out, 'checkpoints');
  const seen = new Set<string>();
  /** Waits for a checkpoint of the student that was not there before. */
  const nextCheckpoint = async (): Promise<void> => {
    for (let waited = 0; waited < 400; waited++, await delay(50)) {
      const files = readdirSync(folder).filter((file) => file.startsWith('student') && !seen.has(file));
      files.forEach((file) => seen.add(file));
      if (files.length > 0) return;
    }
  };
  await nextCheckpoint();
  cluster.workers.forEach((worker) => cluster.kill(worker));
  const survivor = cluster.join();
  await cluster.coordinator.logged(/student \(distilled\): continues from the checkpoint at operation/);
  await nextCheckpoint();
  cluster.coordinator.child.kill('SIGKILL');
  cluster.kill(survivor);
  await cluster.coordinator.result;
  const { code, stdout, stderr } = await scratch.run([
    'run',
    '--resume',
    cluster.out,
    '--workers',
    '2',
    '--backend',
    'wasm',
    '--json',
  ]);
  expect(code, stderr).toBe(0);
  expect(stderr).toMatch(/student \(distilled\): continues from the checkpoint at operation/);
  // The teacher is not trained again.
  expect(stderr).not.toMatch(/teacher: /);
  const record = JSON.parse(stdout) as RunRecord;
  expect(hashesOf(record)).toEqual(expected);
  everyRowOnce(record);
});

test('a slow worker is named, and its ranks move to faster ones; the bits stay', async () => {
  const recipe: RecipeInput = { ...recipes['dense'], teacher: { ...recipes['dense'].teacher, epochs: 6 } };
  const cluster = new ProcessCluster(scratch, recipe);
  await cluster.start(2);
  // It runs a fifth of the time.
  let isOver = false;
  const slowed = (async () => {
    for (let round = 0; round < 2000 && !isOver; round++) {
      cluster.signal(cluster.workers[1], 'SIGSTOP');
      await delay(160);
      cluster.signal(cluster.workers[1], 'SIGCONT');
      await delay(40);
    }
  })();
  await cluster.coordinator.logged(
    /warning: worker w\d holds up the others: [\d.,]+ ms per rank, the others take [\d.,]+ ms/,
  );
  const { stdout } = await scratch.run(['status', cluster.out]);
  expect(stdout).toMatch(/w\d .* slow|holds up the others/);
  for (
    let waited = 0;
    waited < 400 && !readFileSync(join(cluster.out, 'events.jsonl'), 'utf8').includes('ranks move: a step takes');
    waited++
  )
    await delay(50);
  isOver = true;
  await slowed;
  const record = await cluster.finish();
  expect(readFileSync(join(cluster.out, 'events.jsonl'), 'utf8')).toContain('ranks move: a step takes');
  expect(record.incidents.some(({ workerId, what }) => workerId && what.includes('holds up the others'))).toBe(true);
  expect(hashesOf(record)).toEqual(await undisturbed(recipe));
});

test('a worker of `run` that is stopped for a while comes back, and one that is killed is started again', async () => {
  const out = scratch.out();
  const run = scratch.start(
    [
      'run',
      scratch.recipe(recipes['dense']),
      '--workers',
      '2',
      '--backend',
      'wasm',
      '--heartbeat-timeout',
      '2',
      '--out',
      out,
      '--json',
    ],
    { env: pauseEnv },
  );
  await run.logged(/epoch 1\//);
  const pids = ['worker-1', 'worker-2'].map(
    (name) =>
      (JSON.parse(readFileSync(join(out, 'logs', `${name}.log`), 'utf8').split('\n')[0]) as { pid: number }).pid,
  );
  process.kill(pids[0], 'SIGSTOP');
  await run.logged(/left: no heartbeat for 2 s/);
  process.kill(pids[0], 'SIGCONT');
  process.kill(pids[1], 'SIGKILL');
  const { code, stdout, stderr } = await run.result;
  expect(code, stderr).toBe(0);
  const record = JSON.parse(stdout) as RunRecord;
  expect(hashesOf(record)).toEqual(await undisturbed(recipes['dense']));
  expect(record.workers.length).toBeGreaterThan(2);
});

test('two coordinators for one run: the older is fenced off, and ends', async () => {
  const recipe = recipes['dense'];
  const cluster = new ProcessCluster(scratch, recipe);
  await cluster.start(2);
  await cluster.coordinator.logged(/epoch 1\//);
  const older = cluster.coordinator;
  const refused = await scratch.run(['run', '--resume', cluster.out]);
  expect(refused.code).toBe(3);
  expect(refused.stderr).toMatch(
    new RegExp(`RUN_ALIVE: the run in .* is alive: process ${older.child.pid} of this machine .*, last heard .* s ago`),
  );
  expect(older.child.exitCode).toBeNull();
  await cluster.resume(['--take-over']);
  const fenced = await older.result;
  expect(fenced.code).toBe(3);
  expect(fenced.stderr).toMatch(/COORDINATOR_FENCED/);
  const record = await cluster.finish();
  expect(hashesOf(record)).toEqual(await undisturbed(recipe));
});

test('below --min-workers training pauses, says what it waits for, and goes on', async () => {
  const cluster = new ProcessCluster(scratch, recipes['dense'], ['--min-workers', '2']);
  await cluster.start(2);
  await cluster.coordinator.logged(/epoch 1\//);
  cluster.kill(cluster.workers[0]);
  await cluster.coordinator.logged('waiting for 1 more worker');
  await delay(1500);
  const status = await scratch.run(['status', cluster.out]);
  expect(status.stdout).toMatch(/^waiting: teacher, step \d+ of \d+.*training waits for 1 more worker/);
  cluster.join();
  expect((await cluster.finish()).status).toBe('done');
});

test('a model that throws ends the run with worker, step and stack, and is not tried again', async () => {
  const module = scratch.write(
    'throws.mjs',
    `export default ({ tf, inputShape, outputs }) => {
    class Fragile extends tf.layers.Layer {
      calls = 0;
      computeOutputShape(shape) { return shape; }
      call(inputs) {
        if (++this.calls > 40) throw new Error('the layer had enough');
        return Array.isArray(inputs) ? inputs[0] : inputs;
      }
      static className = 'Fragile';
    }
    return tf.sequential({
      layers: [tf.layers.dense({ units: 4, inputShape }), new Fragile({}), tf.layers.dense({ units: outputs })],
    });
  };`,
  );
  const folder = scratch.out();
  const { code, stderr } = await scratch.run([
    'run',
    scratch.recipe(smallRecipe({ teacher: { model: { module }, epochs: 20 }, student: undefined, distill: undefined })),
    '--out',
    folder,
    '--workers',
    '2',
    '--backend',
    'wasm',
  ]);
  expect(code).toBe(3);
  expect(stderr).toMatch(/WORKER_FAILED: worker w\d \(.*\), step \d+, rank \d: the layer had enough/);
  expect(stderr).toMatch(/throws\.mjs|Fragile\.call|model/);
  const record = scratch.readRecord(folder);
  expect([record.status, record.error!.code]).toEqual(['failed', 'WORKER_FAILED']);
  expect(record.error!.stack).toMatch(/the layer had enough/);
});

test.each(['run', 'coordinator'] as const)(
  'a worker of `%s` that runs out of memory ends the run with its step and ranks, and is not started again',
  async (command) => {
    const module = scratch.write(
      'hungry.mjs',
      `export default ({ tf, inputShape, outputs }) => {
    class Hungry extends tf.layers.Layer {
      calls = 0;
      computeOutputShape(shape) { return shape; }
      call(inputs) { if (++this.calls > 40) devour(); return Array.isArray(inputs) ? inputs[0] : inputs; }
      static className = 'Hungry';
    }
    const devour = () => { const kept = []; for (;;) kept.push(new Array(1e5).fill({}).map((_, i) => ({ i }))); };
    return tf.sequential({
      layers: [tf.layers.dense({ units: 4, inputShape }), new Hungry({}), tf.layers.dense({ units: outputs })],
    });
  };`,
    );
    const recipe = smallRecipe({ teacher: { model: { module }, epochs: 20 }, student: undefined, distill: undefined });
    const env = { NODE_OPTIONS: '--max-old-space-size=120' };
    let result;
    if (command === 'run') {
      result = await scratch.run(
        ['run', scratch.recipe(recipe), '--out', scratch.out(), '--workers', '2', '--backend', 'wasm'],
        { env },
      );
    } else {
      const cluster = new ProcessCluster(scratch, recipe);
      await cluster.start(1).catch(() => {});
      const worker = scratch.start(
        ['worker', '--coordinator', cluster.address, '--backend', 'wasm', '--token', 'secret'],
        { env },
      );
      cluster.workers.forEach((each) => cluster.kill(each));
      result = await cluster.coordinator.result;
      expect((await worker.result).code).toBe(3);
    }
    expect(result.code).toBe(3);
    expect(result.stderr).toMatch(/WORKER_CRASHED: worker w\d \(.*\), step \d+, ranks? \d.*heap out of memory/);
  },
);

/** A disk of its own that is soon full; undefined if none can be mounted. */
function smallDisk(): string | undefined {
  const path = scratch.path('disk');
  mkdirSync(path);
  return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', path]).status === 0 ? path : undefined;
}

const disk = smallDisk();
afterAll(() => {
  if (disk) spawnSync('umount', ['-l', disk]);
});

test.skipIf(!disk)(
  'a full disk does not stop training; the user is told, and what waited is written once there is room ' +
    '(skipped if no disk can be mounted: run as root)',
  async () => {
    const cluster = new ProcessCluster(scratch, recipes['dense'], ['--checkpoint-every', '0.5'], join(disk!, 'run'));
    await cluster.start(2);
    await cluster.coordinator.logged(/epoch 1\//);
    const filler = join(disk!, 'filler');
    for (let size = 4_000_000; size > 100; size = Math.floor(size / 2)) {
      try {
        appendFileSync(filler, Buffer.alloc(size));
      } catch {
        // As much as there is room for has been written.
      }
    }
    await cluster.coordinator.logged(
      /warning: (the journal|a checkpoint) could not be written, training continues: .*(ENOSPC|no space)/,
    );
    // Lines may still fit into a page that their file has begun; a model does not, and training has come to its end by
    // then.
    await cluster.coordinator.logged(
      /warning: the model could not be written, training continues: .*(ENOSPC|no space)/,
    );
    rmSync(filler);
    await cluster.coordinator.logged(/warning: the model can be written again/);
    const record = await cluster.finish();
    expect(hashesOf(record)).toEqual(await undisturbed(recipes['dense']));
    expect(record.incidents.some(({ what }) => what.includes('could not be written'))).toBe(true);
    // Nothing is missing in the journal.
    const journal = readFileSync(join(cluster.out, 'journal.jsonl'), 'utf8')
      .split('\n')
      .filter((line) => line)
      .map((line) => JSON.parse(line) as { type: string; phase?: string });
    expect(journal.filter(({ type, phase }) => type === 'epoch' && phase === 'teacher')).toHaveLength(
      record.teacher!.epochs.length,
    );
  },
);
