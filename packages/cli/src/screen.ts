// What a terminal shows: lines that stay, and below them a few that change until they are taken away.
import type { createLogUpdate } from 'log-update';

type LogUpdate = ReturnType<typeof createLogUpdate>;

export interface ScreenStreams {
  /** Results. */
  readonly out: NodeJS.WriteStream;
  /** Everything else, also the lines that change. */
  readonly err: NodeJS.WriteStream;
}

export class Screen {
  #changing = '';
  #update: LogUpdate | undefined;

  constructor(private readonly streams: ScreenStreams) {}

  /** Lets lines change, unless it is a file, a pipe, or a terminal that cannot move its cursor. */
  async enliven(): Promise<void> {
    if (this.streams.err.isTTY !== true || process.env['TERM'] === 'dumb') return;
    // Commands that show nothing of the kind start without it.
    const { createLogUpdate } = await import('log-update');
    this.#update ??= createLogUpdate(this.streams.err);
  }

  /** Whether lines can change. */
  get isLive(): boolean {
    return this.#update !== undefined;
  }

  get columns(): number {
    return this.streams.err.columns || 80;
  }

  /** To standard output: results. */
  printLine(text: string): void {
    this.#above(() => this.streams.out.write(`${text}\n`));
  }

  /** To standard error: everything else. */
  reportLine(text: string): void {
    this.#above(() => this.streams.err.write(`${text}\n`));
  }

  /** Shows lines in place of those that were shown before; without lines, the latter are taken away. */
  show(lines: readonly string[]): void {
    if (!this.#update) return;
    const before = this.#changing;
    this.#changing = lines.join('\n');
    if (lines.length > 0) return this.#update(this.#changing);
    if (before === '') return;
    this.#update.clear();
    this.#update.done();
  }

  /** Writes above the lines that change. */
  #above(write: () => unknown): void {
    if (!this.#update || this.#changing === '') return void write();
    this.#update.clear();
    write();
    this.#update(this.#changing);
  }
}
