// The tables of training steps: in fp32 next to PyTorch, in other precisions, on WebGPU, without deterministic kernels.
import { path } from '../contestant.mjs';
import { interleaved } from './interleaved.mjs';
import { MeasuringProcess } from './measuring-process.mjs';
import { shownMs, shownRatio } from './report.mjs';

const precisions = ['tf32', 'bf16'];
const onWebgpu = ['tabular', 'mlp', 'cnn', 'cnn-1024'];
const withSums = ['mlp-1024', 'cnn-1024', 'huge'];

const describe = ({ title, spec }) => [title, spec.batch.toLocaleString('en-US')];

export class Steps {
  /** Milliseconds of a step of one rank in fp32, by model. */
  #ms = new Map();

  /**
   * @param options.peer the process of PyTorch, undefined if it is not there
   * @param options.limitMs what a question may take, given what it wants
   */
  constructor({ report, models, peer, backend, isTiny, limitMs }) {
    Object.assign(this, { report, models, peer, backend, limitMs });
    /** What all steps of a model on `webgpu` may take. */
    this.webgpuMs = isTiny ? 5000 : 20_000;
    this.limits = { repetitionMs: isTiny ? 20 : 200, firstMs: 60_000, nextMs: 20_000 };
  }

  /** Milliseconds of a step of a model, if the table has been measured. */
  msOf(name) {
    return this.#ms.get(name);
  }

  #engine(env) {
    return new MeasuringProcess('stillhouse', [process.execPath, path('gpu/step.mjs')], { env, limitMs: this.limitMs });
  }

  #ours(engine, question) {
    return (steps, limitMs) => engine.ask({ backend: this.backend, ...question, steps }, limitMs);
  }

  #theirs(question) {
    const { peer } = this;
    const of = (how) => (steps, limitMs) => peer.ask({ what: 'step', how, ...question, steps }, limitMs);
    return peer ? { eager: of('eager'), graph: of('graph') } : {};
  }

  /** Measures contestants, keeps the figures, and notes what explains them; returns the milliseconds by contestant. */
  async #measure(part, { name, title, spec, precision = 'fp32' }, contestants) {
    const results = await interleaved(contestants, this.limits);
    const { report } = this;
    for (const [who, { reason, notes = [], fingerprint }] of Object.entries(results)) {
      for (const text of [...(reason ? [reason] : []), ...notes])
        report.because(text, `${title} at ${spec.batch}, ${precision}, ${who}`);
      if (fingerprint) report.note(`computed by ${fingerprint}`);
    }
    report.keep(part, { model: name, title, batch: spec.batch, precision, results });
    return (who) => results[who]?.ms;
  }

  async table() {
    const { report } = this;
    report.head('Milliseconds of a step in fp32: forward, backward and Adam', [
      ...['model', 'batch', 'Stillhouse, 1 rank', '2 ranks', 'split', 'PyTorch, eager', 'CUDA graph'],
      ...['times eager', 'times the graph', 'split to 1 rank'],
    ]);
    for (const model of this.models) {
      const engine = this.#engine();
      const { spec } = model;
      const ms = await this.#measure('table', model, {
        ours: this.#ours(engine, { spec }),
        'two ranks': this.#ours(engine, { spec, ranks: 2 }),
        split: this.#ours(engine, { spec, isSplit: true }),
        ...this.#theirs({ spec, precision: 'fp32' }),
      });
      engine.end();
      this.#ms.set(model.name, ms('ours'));
      report.row([
        ...describe(model),
        ...['ours', 'two ranks', 'split', 'eager', 'graph'].map((who) => shownMs(ms(who))),
        ...['eager', 'graph', 'split'].map((who) => shownRatio(ms(who), ms('ours'))),
      ]);
    }
  }

  async precision() {
    const { report } = this;
    report.head('Milliseconds of a step in other precisions', [
      ...['model', 'batch', 'precision', 'Stillhouse', 'PyTorch, eager', 'CUDA graph'],
      ...['times eager', 'times the graph'],
    ]);
    // Large models first: they gain most.
    for (const precision of precisions)
      for (const model of this.models.toReversed()) {
        const engine = this.#engine();
        const question = { spec: model.spec, precision };
        const ms = await this.#measure(
          'precision',
          { ...model, precision },
          { ours: this.#ours(engine, question), ...this.#theirs(question) },
        );
        engine.end();
        report.row([
          ...describe(model),
          precision,
          ...['ours', 'eager', 'graph'].map((who) => shownMs(ms(who))),
          ...['eager', 'graph'].map((who) => shownRatio(ms(who), ms('ours'))),
        ]);
      }
  }

  async webgpu() {
    const { report } = this;
    report.head('Milliseconds of a step on `webgpu`', ['model', 'batch', '`webgpu`', `times ${this.backend}`]);
    for (const model of this.models.filter(({ name }) => onWebgpu.includes(name))) {
      const engine = this.#engine();
      const untilMs = performance.now() + this.webgpuMs;
      const take = this.#ours(engine, { spec: model.spec, backend: 'webgpu' });
      const ms = await this.#measure('webgpu', model, {
        webgpu: (steps) => take(steps, Math.max(1, untilMs - performance.now())),
      });
      engine.end();
      report.row([...describe(model), shownMs(ms('webgpu')), shownRatio(this.msOf(model.name), ms('webgpu'))]);
    }
  }

  async determinism() {
    const { report } = this;
    report.head('What deterministic kernels cost, milliseconds of a step', [
      ...['model', 'batch', 'deterministic', 'fastest', 'deterministic to fastest'],
    ]);
    for (const model of this.models.filter(({ name }) => withSums.includes(name))) {
      const [on, off] = ['1', '0'].map((flag) => this.#engine({ TF_DETERMINISTIC_OPS: flag }));
      const { spec } = model;
      const contestants = { deterministic: this.#ours(on, { spec }), fastest: this.#ours(off, { spec }) };
      const ms = await this.#measure('determinism', model, contestants);
      for (const engine of [on, off]) engine.end();
      report.row([
        ...describe(model),
        ...['deterministic', 'fastest'].map((who) => shownMs(ms(who))),
        shownRatio(ms('deterministic'), ms('fastest')),
      ]);
    }
  }
}
