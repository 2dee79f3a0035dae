// A process that measures what it is asked for, one JSON text per line, within a limit. One that fails or is late is
// ended; the next question starts another, so that nothing else is lost.
import { setTimeout as delay } from 'node:timers/promises';
import { Contestant } from '../contestant.mjs';

export class MeasuringProcess {
  #contestant;

  /** @param options.limitMs what a question may take at most, given what it asks for itself */
  constructor(name, command, { env = {}, limitMs }) {
    Object.assign(this, { name, command, env, limitMs });
  }

  /** @throws Error with one line: it failed, it ended, or it was late */
  async ask(question, wantedMs) {
    const limitMs = this.limitMs(wantedMs);
    this.#contestant ??= new Contestant(this.name, this.command, this.env);
    const over = new AbortController();
    try {
      const answer = await Promise.race([
        this.#contestant.ask(JSON.stringify(question)),
        delay(limitMs, undefined, { signal: over.signal }).then(() => {
          throw new Error(`it took more than ${(limitMs / 1000).toFixed(0)} s`);
        }),
      ]);
      if (!answer.error) return answer;
      throw Object.assign(new Error(answer.error), { isAnswer: true });
    } catch (error) {
      if (!error.isAnswer) this.end();
      throw error;
    } finally {
      over.abort();
    }
  }

  end() {
    this.#contestant?.child.kill('SIGKILL');
    this.#contestant = undefined;
  }
}
