// The coordinator's shell: performs the effects that the machine in core decides, and feeds it what happens. Decides
// nothing.
import { limits, messageOf, toErrorRecord, type ErrorRecord } from '@stillhouse/core';
import {
  coordinatorTransition,
  decodeToCoordinator,
  encodeMessage,
  initialCoordinatorState,
  type Clock,
  type CoordinatorEvent,
  type CoordinatorEffect,
  type CoordinatorNotice,
  type CoordinatorOptions,
  type CoordinatorState,
  type JournalRecord,
  type Link,
  type Listener,
  type Transport,
} from '@stillhouse/core/cluster';
import type { TunedValues } from '@stillhouse/core/tune';
import { sha256 } from '@stillhouse/datasets';
import { CheckpointReceiver } from './checkpoint-receiver.js';
import { OwedBlocks } from './owed-blocks.js';
import type { RunStore } from './run-store.js';

export interface CoordinatorShellOptions {
  readonly machine: CoordinatorOptions;
  /** HOST:PORT to listen on. */
  readonly listen: string;
  /** Blocks of data. */
  readonly blocks: { read(hash: string): Promise<Uint8Array | undefined> };
  readonly store: RunStore;
  readonly transport: Transport;
  readonly clock: Clock;
  /**
   * Searches for the student's hyperparameters, with the teacher of this hash if one was trained here; only for runs
   * that are tuned.
   */
  readonly tune?: (teacher: string | undefined) => Promise<TunedValues>;
  readonly onNotice: (notice: CoordinatorNotice) => void;
  /** What the coordinator knows, after every tick and at the end, unless another one has taken over the folder. */
  readonly onState?: (state: CoordinatorState) => void;
}

export interface RunningCoordinator {
  readonly address: string;
  /** Resolves when the run is over, with the reason if it failed. */
  readonly ended: Promise<ErrorRecord | undefined>;
  /** Ends the run for a reason that the caller gives. */
  interrupt(error: ErrorRecord): void;
  /** Reports that the process of a worker has ended by itself. */
  crashed(instance: string, error: ErrorRecord): void;
}

class CoordinatorShell implements RunningCoordinator {
  #state: CoordinatorState;
  #listener: Listener | undefined;
  #nextLink = 1;
  readonly #links = new Map<number, Link>();
  /** What each link has been asked for and not been sent completely. */
  readonly #owed = new Map<number, OwedBlocks>();
  readonly #checkpoints: CheckpointReceiver;
  /** Records that could not be written yet. */
  #unwritten: JournalRecord[] = [];
  readonly #unsaved = new Set<string>();
  #tickedMs: number;
  #stopTicking = (): void => {};
  #resolveEnded!: (error: ErrorRecord | undefined) => void;
  readonly ended = new Promise<ErrorRecord | undefined>((resolve) => (this.#resolveEnded = resolve));
  #lastLinkGone: (() => void) | undefined;

  constructor(private readonly options: CoordinatorShellOptions) {
    const { clock, machine, store } = options;
    this.#tickedMs = clock.now();
    this.#state = initialCoordinatorState(machine, clock.now());
    this.#checkpoints = new CheckpointReceiver(store, clock, (event) => this.#dispatch(event));
  }

  async listen(): Promise<void> {
    this.#listener = await this.options.transport.listen(this.options.listen, (link) => this.#accept(link));
    this.#tick();
  }

  get address(): string {
    return this.#listener!.address;
  }

  interrupt(error: ErrorRecord): void {
    this.#dispatch({ type: 'interrupt', error });
  }

  crashed(instance: string, error: ErrorRecord): void {
    this.#dispatch({ type: 'crashed', instance, error });
  }

  #dispatch(event: CoordinatorEvent): void {
    // While this process was asleep, another one may have taken its place.
    if (this.options.clock.now() - this.#tickedMs > 2 * limits.tickIntervalMs && event.type !== 'fenced') {
      this.#tickedMs = this.options.clock.now();
      if (this.#isFenced()) return;
    }
    const { state, effects } = coordinatorTransition(this.#state, event, this.options.clock.now());
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
  }

  #accept(link: Link): void {
    const id = this.#nextLink++;
    this.#links.set(id, link);
    link.onFrame((frame) => {
      let message;
      try {
        message = decodeToCoordinator(frame);
      } catch (error) {
        this.#dispatch({ type: 'broken', link: id, error: toErrorRecord(error) });
        return;
      }
      this.#dispatch({ type: 'message', link: id, message });
    });
    link.onClose((reason) => {
      this.#links.delete(id);
      this.#owed.delete(id);
      this.#dispatch({ type: 'closed', link: id, reason });
      if (this.#links.size === 0) this.#lastLinkGone?.();
    });
  }

  #tick(): void {
    this.#stopTicking = this.options.clock.after(limits.tickIntervalMs, () => {
      this.#tick();
      this.#tickedMs = this.options.clock.now();
      if (this.#isFenced()) return;
      this.#writeJournal([]);
      this.#dispatch({ type: 'tick' });
      this.options.onState?.(this.#state);
    });
  }

  /** Whether another coordinator has taken over the folder; then this one writes nothing more. */
  #isFenced(): boolean {
    const term = this.options.store.newestTerm();
    if (term > this.options.machine.term) this.#dispatch({ type: 'fenced', term });
    return term > this.options.machine.term;
  }

  #perform(effect: CoordinatorEffect): void {
    switch (effect.type) {
      case 'send':
        return this.#links.get(effect.link)?.send(...encodeMessage(effect.message));
      case 'sendBlock':
        return this.#onBlockWanted(effect.link, effect.hash);
      case 'close':
        return this.#links.get(effect.link)?.close();
      case 'admit':
        return this.#links.get(effect.link)?.admit({
          frameBytes: limits.frameBytes,
          queuedBytes: limits.workerQueuedBytes,
        });
      case 'notify':
        return this.options.onNotice(effect.notice);
      case 'journal':
        return this.#writeJournal([effect.record]);
      case 'saveModel':
        return this.#saveModel(effect);
      case 'takeCheckpoint':
        return this.#checkpoints.begin(effect.id, this.#links.get(effect.link));
      case 'receiveUpload':
        return this.#checkpoints.open(effect.upload, this.#links.get(effect.link));
      case 'receivePart':
        return this.#checkpoints.receive(effect.part, this.#links.get(effect.link));
      case 'tune':
        return void this.#tune(effect.teacher);
      case 'dropCheckpoint':
        return void this.#trying('the folder of checkpoints', () => this.options.store.dropCheckpoint(effect.record));
      case 'end':
        void this.#end(effect.error);
    }
  }

  /** The disk may be full: training continues, and the user is notified once. */
  #trying(what: string, work: () => void): boolean {
    try {
      work();
    } catch (error) {
      if (!this.#unsaved.has(what)) this.options.onNotice({ type: 'notSaved', what, reason: messageOf(error) });
      this.#unsaved.add(what);
      return false;
    }
    if (this.#unsaved.delete(what)) this.options.onNotice({ type: 'savedAgain', what });
    return true;
  }

  /** Writes records after those that are waiting already, in order. */
  #writeJournal(records: readonly JournalRecord[]): void {
    if (this.#unwritten.length + records.length === 0 || this.#isFenced()) return;
    this.#unwritten.push(...records);
    this.#trying('the journal', () => {
      for (; this.#unwritten.length > 0; this.#unwritten.shift()) this.options.store.append(this.#unwritten[0]);
    });
  }

  /** The machine asks again until it is saved. */
  #saveModel({ phase, model, lastGood }: CoordinatorEffect & { type: 'saveModel' }): void {
    if (this.#isFenced()) return;
    let blob = '';
    const isSaved = this.#trying('the model', () => (blob = this.options.store.saveModel(phase, model, lastGood)));
    if (isSaved && !lastGood) this.#dispatch({ type: 'modelSaved', phase, blob });
  }

  async #tune(teacher: string | undefined): Promise<void> {
    try {
      this.#dispatch({ type: 'tuned', values: await this.options.tune!(teacher) });
    } catch (error) {
      this.#dispatch({ type: 'interrupt', error: toErrorRecord(error) });
    }
  }

  /** Each block that is being read takes memory; one that is on its way need not be read again. */
  #onBlockWanted(link: number, hash: string): void {
    const to = this.#links.get(link);
    if (!to) return;
    const owed = this.#owed.get(link) ?? new OwedBlocks(to);
    this.#owed.set(link, owed);
    const answer = owed.onWanted(hash);
    if (answer === 'tooMany')
      return this.#dispatch({
        type: 'broken',
        link,
        error: {
          code: 'PROTOCOL_VIOLATION',
          message: `it asked for more than ${limits.blockQuestionsAtOnce} blocks at once`,
        },
      });
    if (answer === 'read') void this.#sendBlock(link, hash).finally(() => owed.wasRead(hash));
  }

  /** Blocks of data, weights of a finished phase, and checkpoints. */
  async #sendBlock(link: number, hash: string): Promise<void> {
    const { history } = this.#state;
    const { blocks, store } = this.options;
    const checkpoint = history.checkpoints.find(({ sha256 }) => sha256 === hash);
    const done = history.done.find(({ blob }) => blob === hash);
    let bytes: Uint8Array | undefined;
    try {
      bytes =
        (await blocks.read(hash)) ??
        (checkpoint ? store.readCheckpoint(checkpoint) : done && store.readModel(done.record.phase));
    } catch (error) {
      return this.#dispatch({ type: 'interrupt', error: toErrorRecord(error) });
    }
    if (checkpoint && (!bytes || sha256(bytes) !== hash)) {
      return this.#dispatch({
        type: 'checkpointUnusable',
        sha256: hash,
        reason: bytes ? 'its bytes are not those that were written' : 'it cannot be read',
      });
    }
    if (bytes) return this.#links.get(link)?.send(...encodeMessage({ type: 'block', hash, bytes }));
    // An earlier checkpoint: the worker that asks for it will be sent another one's hash.
    if (!history.retired.includes(hash))
      this.#dispatch({
        type: 'broken',
        link,
        error: {
          code: 'PROTOCOL_VIOLATION',
          message: `it asked for block ${hash.slice(0, 12)}, which does not belong to this run`,
        },
      });
  }

  /** Workers close their links once they know that the run is over; links that stay open are cut. */
  async #end(error: ErrorRecord | undefined): Promise<void> {
    this.#stopTicking();
    this.#checkpoints.abandon();
    if (error?.code !== 'COORDINATOR_FENCED') this.options.onState?.(this.#state);
    await new Promise<void>((resolve) => {
      if (this.#links.size === 0) return resolve();
      const stopWaiting = this.options.clock.after(limits.shutdownGraceMs, resolve);
      this.#lastLinkGone = () => {
        stopWaiting();
        resolve();
      };
    });
    await this.#listener?.close();
    this.#resolveEnded(error);
  }
}

/** @throws StillhouseError PORT_IN_USE, LISTEN_FAILED, and what the store throws if not even the term can be written */
export async function startCoordinator(options: CoordinatorShellOptions): Promise<RunningCoordinator> {
  const shell = new CoordinatorShell(options);
  await shell.listen();
  options.store.append({ type: 'term', term: options.machine.term });
  return shell;
}
