// A process that measures what it is asked for, one JSON text per line, within a limit. One that fails or is late is
// ended; the next question starts another, so that nothing else is lost.
import { Contestant } from '../contestant.mjs';
import { within } from './within.mjs';

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
    const answer = await within(limitMs, this.#contestant.ask(JSON.stringify(question))).catch((error) => {
      this.end();
      throw error;
    });
    if (answer.error) throw new Error(answer.error);
    return answer;
  }

  end() {
    this.#contestant?.child.kill('SIGKILL');
    this.#contestant = undefined;
  }
}
