// Writes a run's reports while the disk may be full: what cannot be written is kept and tried again, with a warning
// when that begins and when it ends.
import { messageOf } from '@stillhouse/core';

/** The most events that wait for the disk; beyond that the oldest are dropped, and counted. */
const pendingLimit = 10_000;

export class BufferedWriter {
  readonly #failing = new Set<string>();
  #events: object[] = [];
  #givenUp = 0;

  constructor(
    private readonly appendEvent: (event: object) => void,
    private readonly warn: (text: string) => void,
  ) {}

  /** @returns whether it could be written */
  write(what: string, work: () => void): boolean {
    try {
      work();
    } catch (error) {
      if (!this.#failing.has(what)) this.warn(`${what} cannot be written, training continues: ${messageOf(error)}`);
      this.#failing.add(what);
      return false;
    }
    if (this.#failing.delete(what)) this.warn(`${what} can be written again`);
    return true;
  }

  event(event: object): void {
    this.#events.push(event);
    while (this.#events.length > pendingLimit) {
      this.#events.shift();
      this.#givenUp += 1;
    }
    this.flush();
  }

  flush(): void {
    this.write('events.jsonl', () => {
      if (this.#events.length > 0 && this.#givenUp > 0) {
        this.appendEvent({ type: 'eventsLost', count: this.#givenUp });
        this.#givenUp = 0;
      }
      for (; this.#events.length > 0; this.#events.shift()) this.appendEvent(this.#events[0]);
    });
  }
}
