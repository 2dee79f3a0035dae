// The coordinator's shell: performs the effects that the machine in core decides, and feeds it what happens. Decides nothing.
import {
  coordinatorStep, decodeToCoordinator, encodeMessage, initialCoordinatorState, limits, toErrorRecord,
  type Clock, type CoordinatorEvent, type CoordinatorEffect, type CoordinatorNotice, type CoordinatorOptions, type CoordinatorState,
  type ErrorRecord, type ExportedModel, type Link, type Listener, type PhaseName, type Transport,
} from '@stillhouse/core';

export interface CoordinatorShellOptions {
  readonly machine: CoordinatorOptions;
  /** HOST:PORT to listen at. */
  readonly listen: string;
  readonly blocks: ReadonlyMap<string, Uint8Array>;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly onNotice: (notice: CoordinatorNotice) => void;
  readonly onModel: (phase: PhaseName, model: ExportedModel, lastGood: boolean) => void;
}

export interface RunningCoordinator {
  readonly address: string;
  /** Resolves when the run is over, with the reason if it failed. */
  readonly ended: Promise<ErrorRecord | undefined>;
  /** Ends the run for a reason of the caller's. */
  interrupt(error: ErrorRecord): void;
}

class CoordinatorShell implements RunningCoordinator {
  #state: CoordinatorState;
  #listener: Listener | undefined;
  #nextLink = 1;
  readonly #links = new Map<number, Link>();
  #stopTicking = (): void => {};
  #resolveEnded!: (error: ErrorRecord | undefined) => void;
  readonly ended = new Promise<ErrorRecord | undefined>((resolve) => (this.#resolveEnded = resolve));
  #lastLinkGone: (() => void) | undefined;

  constructor(private readonly options: CoordinatorShellOptions) {
    this.#state = initialCoordinatorState(options.machine, options.clock.now());
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

  #dispatch(event: CoordinatorEvent): void {
    const { state, effects } = coordinatorStep(this.#state, event, this.options.clock.now());
    this.#state = state;
    for (const effect of effects) {
      try {
        this.#perform(effect);
      } catch (error) {
        // A disk that is full ends the run; the workers are told.
        this.interrupt(toErrorRecord(error));
        return;
      }
    }
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
      this.#dispatch({ type: 'closed', link: id, reason });
      if (this.#links.size === 0) this.#lastLinkGone?.();
    });
  }

  #tick(): void {
    this.#stopTicking = this.options.clock.after(limits.tickIntervalMs, () => {
      this.#tick();
      this.#dispatch({ type: 'tick' });
    });
  }

  #perform(effect: CoordinatorEffect): void {
    switch (effect.type) {
      case 'send':
        this.#links.get(effect.link)?.send(encodeMessage(effect.message));
        return;
      case 'sendBlock': {
        const bytes = this.options.blocks.get(effect.hash);
        if (bytes) this.#links.get(effect.link)?.send(encodeMessage({ type: 'block', hash: effect.hash, bytes }));
        else this.#dispatch({ type: 'broken', link: effect.link, error: { code: 'PROTOCOL_VIOLATION', message: `it asked for block ${effect.hash.slice(0, 12)}, which is not of this run` } });
        return;
      }
      case 'close':
        this.#links.get(effect.link)?.close();
        return;
      case 'notify':
        return this.options.onNotice(effect.notice);
      case 'saveModel':
        return this.options.onModel(effect.phase, effect.model, effect.lastGood);
      case 'end':
        void this.#end(effect.error);
    }
  }

  /** Workers close their links once they have heard that the run is over; those that do not are cut off. */
  async #end(error: ErrorRecord | undefined): Promise<void> {
    this.#stopTicking();
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

/** @throws StillhouseError PORT_IN_USE, LISTEN_FAILED */
export async function startCoordinator(options: CoordinatorShellOptions): Promise<RunningCoordinator> {
  const shell = new CoordinatorShell(options);
  await shell.listen();
  return shell;
}
