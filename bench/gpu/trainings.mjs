// Whole trainings of the CNN by `stillhouse run`: rows per second, and whether the weights depend on workers and kills.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { median, path } from '../contestant.mjs';
import { rowsIn } from '../training/job.mjs';
import { eventsOf, resultOf, startStillhouse, workersOf } from '../training/processes.mjs';
import { tinyLayers } from './models.mjs';
import { within } from './within.mjs';

const { cnn } = JSON.parse(readFileSync(path('step/models.json'), 'utf8'));

/** MNIST if the folder has it, and else as many rows of noise with a faint pattern of their class. */
export class Images {
  constructor(scratch, dataFolder) {
    this.scratch = scratch;
    this.folder = join(dataFolder, 'mnist');
    this.isMnist = existsSync(join(this.folder, 'train-images-idx3-ubyte.gz'));
    this.title = this.isMnist ? 'MNIST' : 'noise in the form of MNIST (--data names the folder that has mnist/)';
  }

  /** @param set train or t10k, as MNIST's files are called */
  rows(set, take) {
    if (!this.isMnist) return rowsIn(this.scratch, take, cnn);
    const file = (kind) => join(this.folder, `${set}-${kind}-ubyte.gz`);
    return { idx: { images: file('images-idx3'), labels: file('labels-idx1') }, take };
  }
}

export class Trainings {
  #count = 0;

  /** @param options.limitMs what a run may take at most, given what it wants */
  constructor(images, { backend, isTiny, limitMs }) {
    Object.assign(this, { images, backend, isTiny, limitMs });
    this.layers = isTiny ? tinyLayers(cnn.layers) : cnn.layers;
  }

  #recipe(name, { ranks, batch, rows, epochs, layers }) {
    const { images } = this;
    const file = join(images.scratch, `${name}.json`);
    const recipe = {
      ...{ name, ranks, loss: cnn.loss },
      data: { large: images.rows('train', rows), test: images.rows('t10k', 1000) },
      teacher: { model: { layers }, batch, epochs, optimizer: { name: 'adam' } },
    };
    writeFileSync(file, JSON.stringify(recipe));
    return file;
  }

  /**
   * A run from its recipe to its record.
   * @param meanwhile is called with the running command and the run's folder
   */
  async #run(recipe, workers, meanwhile = async () => {}) {
    const { scratch } = this.images;
    const out = join(scratch, `run-${this.#count++}`);
    const args = ['--workers', String(workers), '--backend', this.backend, '--out', out];
    const running = startStillhouse(['run', recipe, ...args, '--json', '--quiet', '--checkpoint-every', 'never'], {
      cwd: scratch,
      env: { STILLHOUSE_PREPARED: join(scratch, 'prepared') },
    });
    try {
      const [record] = await within(
        this.limitMs(120_000),
        Promise.all([resultOf(running, 'stillhouse run'), meanwhile(running, out)]),
      );
      return record;
    } finally {
      running.child.kill('SIGKILL');
    }
  }

  /**
   * Rows per second of a run with one worker and one rank.
   * @param stepMs what its step takes by itself, if that is known
   */
  async rowsPerSecond(stepMs) {
    const [batch, rows] = this.isTiny ? [64, 1024] : [1024, 60_000];
    const ofStep = stepMs && (batch * 1000) / stepMs;
    // Some seconds, so that the ends of epochs are seen in all of them, and one slow epoch is not seen.
    const epochs = Math.min(40, Math.max(4, Math.ceil(((ofStep ?? rows) * (this.isTiny ? 1 : 6)) / rows)));
    const recipe = this.#recipe('whole', { ranks: 1, batch, rows, epochs, layers: this.layers });
    const { teacher } = await this.#run(recipe, 1);
    // The first epoch records the step and warms up.
    const steady = median(teacher.epochs.slice(1).map((epoch) => epoch.rows / epoch.seconds));
    const { samplesPerSecond: phase, dataWait } = teacher;
    return { batch, epochs, steady, ofStep, phase, waitMsPerStep: dataWait.msPerStep };
  }

  /**
   * Hashes of the weights after a training with dropout on two ranks: one worker, two workers, and two of
   * which one is killed by SIGKILL after the first of three epochs.
   */
  async hashes() {
    const layers = [...this.layers.slice(0, -1), { dropout: 0.25 }, this.layers.at(-1)];
    const size = this.isTiny ? { batch: 16, rows: 2000 } : { batch: 64, rows: 12_000 };
    const recipe = this.#recipe('hashes', { ranks: 2, epochs: 3, layers, ...size });
    const hashOf = ({ teacher }) => teacher.weightsSha256;
    const one = await this.#run(recipe, 1);
    const two = await this.#run(recipe, 2);
    const killed = await this.#run(recipe, 2, killOne);
    if (killed.membershipChanges === 0) throw new Error('the run was over before its worker was killed');
    return { one: hashOf(one), two: hashOf(two), killed: hashOf(killed) };
  }
}

/** Kills one worker by SIGKILL once the first epoch is over. */
async function killOne(running, out) {
  let isOver = false;
  void running.ended.then(() => (isOver = true));
  while (!isOver && !eventsOf(out).some(({ type }) => type === 'epoch')) await delay(10);
  const [victim] = workersOf(running);
  if (!isOver && victim) process.kill(victim.pid, 'SIGKILL');
}
