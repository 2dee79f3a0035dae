// What every launcher does: its workers reach their coordinator with the run's secret, and each end is reported once.
import { deepEqual, equal } from 'node:assert/strict';
import type { ErrorRecord } from '@stillhouse/core';
import { decodeToCoordinator, encodeMessage, type Link, type Transport } from '@stillhouse/core/cluster';
import type { Launcher, LaunchTarget, WorkerExit, WorkerHandle } from 'stillhouse';
import { contractOf, type ContractTest, type Make } from './contract-test.js';

export interface LauncherSubject {
  /** Makes the launcher of a run. */
  readonly launch: (target: LaunchTarget) => Launcher;
  /** What workers that it starts connect by. */
  readonly transport: Transport;
  /** Where a coordinator can listen for them. */
  readonly address: string;
  readonly logFile: LaunchTarget['logFile'];
  close?(): Promise<void>;
}

interface Hello {
  readonly link: Link;
  readonly token: string;
  readonly instance: string;
}

interface Exit {
  readonly worker: WorkerHandle;
  readonly exit: WorkerExit;
}

interface Launched {
  readonly launcher: Launcher;
  readonly handles: readonly WorkerHandle[];
  /** The first message of each link. */
  readonly hellos: readonly Hello[];
  readonly exits: readonly Exit[];
  /** Until so many exits were reported. */
  readonly exited: (count: number) => Promise<void>;
}

const token = 'the secret of this run';
const places = ['worker-1', 'worker-2'].map((name) => ({ name, env: {} }));
const refusal: ErrorRecord = { code: 'TOKEN_REJECTED', message: 'this coordinator is a test and refuses every worker' };

const refuse = ({ link }: Hello): void => {
  link.send(...encodeMessage({ type: 'rejected', error: refusal }));
  link.close('refused');
};

/** Collects what arrives one by one, and waits for so many. */
class Arrivals<Item> {
  readonly items: Item[] = [];
  #waiting: (() => void)[] = [];

  readonly add = (item: Item): void => {
    this.items.push(item);
    for (const check of this.#waiting.splice(0)) check();
  };

  async atLeast(count: number): Promise<void> {
    while (this.items.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

/** A test of two workers that have said hello to a coordinator, which has not answered. */
const launched =
  (test: (launched: Launched) => Promise<void>) =>
  async ({ launch, transport, address, logFile }: LauncherSubject): Promise<void> => {
    const hellos = new Arrivals<Hello>();
    const exits = new Arrivals<Exit>();
    const listener = await transport.listen(address, (link) => {
      let hasGreeted = false;
      link.onFrame((frame) => {
        const message = decodeToCoordinator(frame);
        // A worker without an answer says hello again.
        if (message.type !== 'hello' || hasGreeted) return;
        hasGreeted = true;
        hellos.add({ link, token: message.token, instance: message.instance });
      });
    });
    const launcher = launch({
      coordinator: listener.address,
      token,
      backend: 'cpu',
      heartbeatTimeoutMs: 10_000,
      logFile,
    });
    try {
      launcher.onExit((worker, exit) => exits.add({ worker, exit }));
      const handles = await launcher.start(places);
      await hellos.atLeast(places.length);
      await test({
        launcher,
        handles,
        hellos: hellos.items,
        exits: exits.items,
        exited: (count) => exits.atLeast(count),
      });
    } finally {
      await launcher.stop();
      await listener.close();
    }
  };

const tests: Readonly<Record<string, (subject: LauncherSubject) => Promise<void>>> = {
  'each place gets a worker of its name, which presents the token and the instance of its handle': launched(
    async ({ handles, hellos }) => {
      deepEqual(
        handles.map(({ name }) => name),
        places.map(({ name }) => name),
      );
      deepEqual(new Set(hellos.map((hello) => hello.instance)), new Set(handles.map(({ instance }) => instance)));
      equal(new Set(hellos.map((hello) => hello.instance)).size, places.length);
      for (const hello of hellos) equal(hello.token, token);
    },
  ),

  'a worker that its coordinator refuses exits as failed, once': launched(
    async ({ launcher, handles, hellos, exits, exited }) => {
      for (const hello of hellos) refuse(hello);
      await exited(places.length);
      await launcher.stop();
      deepEqual(exits.map(({ worker }) => worker.instance).sort(), handles.map(({ instance }) => instance).sort());
      for (const { exit } of exits) equal(exit.type, 'failed');
    },
  ),

  'a worker that is started again keeps its name and has an instance of its own': launched(
    async ({ launcher, handles, hellos, exited }) => {
      for (const hello of hellos) refuse(hello);
      await exited(places.length);
      const [again] = await launcher.start(places.slice(0, 1));
      equal(again?.name, handles[0]?.name);
      equal(
        handles.some(({ instance }) => instance === again?.instance),
        false,
      );
    },
  ),

  'stop ends all workers, whose links close, and reports no exit': launched(async ({ launcher, hellos, exits }) => {
    const closed = Promise.all(hellos.map(({ link }) => new Promise((resolve) => link.onClose(resolve))));
    await launcher.stop();
    await closed;
    deepEqual(exits, []);
  }),
};

/** @param make what makes a launcher, and the transport by which its workers find a coordinator */
export const launcherContract = (make: Make<LauncherSubject>): ContractTest[] => contractOf(make, tests);
