// A whole cluster in one process: the real shells and machines in a world that a scenario describes, judged by
// checkers.
import { hashName, randomStream, type ErrorRecord } from '@stillhouse/core';
import { replayJournal, type Clock, type CoordinatorNotice, type Transport } from '@stillhouse/core/cluster';
import { tunedJob, type TunedValues } from '@stillhouse/core/tune';
import { startCoordinator } from '@stillhouse/coordinator';
import { localEngine, startWorker, type Capture, type RunningWorker, type StateUploader } from '@stillhouse/worker';
import { StateUpload } from '@stillhouse/worker/light';
import { Checkers } from './checkers.js';
import { SimDisk } from './disk.js';
import { Network, SimProcess, VirtualClock } from './network.js';
import { blocks, type Fault, type Scenario } from './scenario.js';
import { ToyEngine } from './toy-engine.js';

export interface Outcome {
  readonly problems: readonly string[];
  readonly seen: Checkers['seen'];
  readonly transcript: readonly string[];
}

/** What one process has of its world. */
export interface WorldProcess {
  readonly name: string;
  readonly clock: Clock;
  readonly transport: Transport;
  readonly isAlive: boolean;
}

/** What a cluster runs in, and how its time passes. */
export interface World {
  readonly clock: Clock;
  /** HOST:PORT of a coordinator, and of each worker for its peers. */
  readonly coordinatorAddresses: readonly string[];
  readonly meshAddress: (name: string) => string;
  start(name: string, place: number): WorldProcess;
  crash(process: WorldProcess, isNoticed: boolean): void;
  /** Lets time pass until `isOver`, or until it has waited long enough. */
  pass(isOver: () => boolean): Promise<void>;
  /** For faults that only a simulated world knows. */
  readonly network?: Network;
}

const maxTasks = 2_000_000;
const maxVirtualMs = 400_000;
/** No link ever holds more frames than this. */
const maxQueuedFrames = 5_000;

/** Lets everything that has happened take its effect: promises settle before the next macrotask. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A network and a clock derived from the scenario's seed. */
export function virtualWorld({
  seed,
  minDelayMs,
  maxDelayMs,
  duplicates,
  losses,
  skews,
}: Scenario): World & { network: Network } {
  const clock = new VirtualClock();
  const network = new Network(clock, seed, { minDelayMs, maxDelayMs, duplicates, losses });
  return {
    clock,
    network,
    coordinatorAddresses: ['coordinator:1', 'coordinator:2'],
    meshAddress: (name) => `${name}:0`,
    start: (name, place) => new SimProcess(name, network, skews[place % skews.length]),
    crash: (process, isNoticed) => network.crash(process as SimProcess, isNoticed),
    async pass(isOver) {
      for (let tasks = 0; !isOver() && tasks < maxTasks && clock.now() < maxVirtualMs && clock.runNext(); tasks++)
        await settle();
      await settle();
    },
  };
}

interface PlacedWorker {
  process: WorldProcess;
  running: RunningWorker;
  generation: number;
  factor: number;
  isOver: boolean;
  isWantedAgain: boolean;
}

/**
 * Copies at once, or late, like a thread that gets no core: a change of the state meanwhile corrupts the checkpoint.
 */
class LateUpload implements StateUploader {
  constructor(
    private readonly upload: StateUpload,
    private readonly clock: Clock,
    private readonly delayMs: () => number,
  ) {}

  async take(capture: Capture): Promise<void> {
    const delayMs = this.delayMs();
    if (delayMs > 0) await new Promise<void>((resolve) => void this.clock.after(delayMs, resolve));
    await this.upload.take(capture);
  }

  close(): void {
    this.upload.close();
  }
}

/** Keeps a few blocks while the process lives. */
class SmallCache {
  readonly #kept = new Map<string, Uint8Array>();

  async read(hash: string): Promise<Uint8Array | undefined> {
    return this.#kept.get(hash);
  }

  keep(hash: string, bytes: Uint8Array): void {
    this.#kept.set(hash, bytes);
    if (this.#kept.size > 8) this.#kept.delete(this.#kept.keys().next().value!);
  }
}

class Cluster {
  readonly checkers: Checkers;
  readonly transcript: string[] = [];
  readonly disk: SimDisk;
  readonly #workers: (PlacedWorker | undefined)[] = [];
  /** Where each worker runs, by the name that its coordinator gave it. */
  readonly #places = new Map<string, number>();
  #coordinators: { process: WorldProcess; term: number; address: string }[] = [];
  #started = 0;
  #addresses: string[] = [];
  /** The run is over: the coordinator said so, and was not fenced. */
  isDone = false;
  #isCalm = false;

  constructor(
    private readonly scenario: Scenario,
    private readonly world: World,
  ) {
    const { job, tuned, model } = scenario;
    this.checkers = new Checkers(tuned ? tunedJob(job, tuned.values) : job, model);
    this.disk = new SimDisk(randomStream(scenario.seed, hashName('disk')), (bytes) =>
      this.checkers.onCheckpoint(bytes),
    );
  }

  note(text: string): void {
    this.transcript.push(`${this.world.clock.now().toFixed(1).padStart(9)} ms  ${text}`);
  }

  get isOver(): boolean {
    return (
      this.isDone &&
      this.#workers.every((worker) => !worker || worker.isOver || !worker.process.isAlive) &&
      this.#coordinators.length === 0
    );
  }

  async startCoordinator(addressIndex = 0): Promise<void> {
    const { job, workers, minWorkers, checkpointEveryMs, heartbeatTimeoutMs } = this.scenario;
    const history = replayJournal(this.disk.journal());
    // The last coordinator died right after it had ended the run.
    if (history.ended) this.isDone = true;
    if (this.isDone) return;
    const term = history.term + 1;
    const process = this.world.start(`coordinator#${term}`, workers);
    const store = this.disk.storeOf(process as SimProcess);
    const listen = this.world.coordinatorAddresses[addressIndex % this.world.coordinatorAddresses.length];
    const entry = { process, term, address: listen };
    this.#coordinators.push(entry);
    try {
      const coordinator = await startCoordinator({
        machine: {
          job,
          token: 't',
          meshToken: 'm',
          workers: Math.max(workers, 1),
          minWorkers,
          allowMixed: false,
          joinTimeoutMs: Infinity,
          heartbeatTimeoutMs,
          checkpointEveryMs,
          term,
          history,
        },
        listen,
        blocks: { read: async (hash) => blocks.get(hash) },
        store,
        transport: process.transport,
        clock: process.clock,
        tune: () => this.#tune(process.clock),
        onNotice: (notice) => {
          if (notice.type === 'joined') this.#places.set(notice.worker.workerId, placeOf(notice.worker));
          if (notice.type === 'phaseAssigned')
            this.checkers.onAssigned(
              notice,
              notice.members.flatMap(({ workerId }) => this.#workers[this.#places.get(workerId)!]?.process.name ?? []),
            );
          if (notice.type !== 'progress' || notice.step % 10 === 0)
            this.note(`coordinator ${term}: ${describeNotice(notice)}`);
          this.checkers.onNotice(term, notice);
        },
      });
      this.#addresses = [...new Set([coordinator.address, ...this.#addresses])];
      this.note(`coordinator ${term} listens at ${coordinator.address}`);
      void coordinator.ended.then((error) => this.#coordinatorEnded(entry, error));
    } catch (error) {
      this.#coordinators = this.#coordinators.filter((each) => each !== entry);
      this.note(`coordinator ${term} did not start: ${String(error)}`);
      if (process.isAlive) this.world.crash(process, true);
      this.world.clock.after(1000, () => void this.startCoordinator(addressIndex + 1));
    }
  }

  #tune(clock: Clock): Promise<TunedValues> {
    const { values, takesMs } = this.scenario.tuned!;
    this.checkers.seen.tuned += 1;
    return new Promise((resolve) => void clock.after(takesMs, () => resolve(values)));
  }

  #coordinatorEnded(entry: { process: WorldProcess; term: number }, error: ErrorRecord | undefined): void {
    if (!entry.process.isAlive) return;
    this.#coordinators = this.#coordinators.filter((each) => each !== entry);
    this.note(`coordinator ${entry.term} ended${error ? `: ${error.code}: ${error.message}` : ''}`);
    if (error?.code === 'COORDINATOR_FENCED') return;
    this.isDone = true;
    if (error) this.checkers.problem(`the run failed: ${error.code}: ${error.message}`);
  }

  startWorker(place: number): void {
    const { model, seed, speedsMs, heartbeatTimeoutMs, workersPerHost } = this.scenario;
    const number = this.#started++;
    const name = `worker${place}#${number}`;
    const process = this.world.start(name, place);
    const random = randomStream(hashName('worker'), seed, number);
    const placed: PlacedWorker = {
      process,
      running: undefined!,
      generation: 0,
      factor: 1,
      isOver: false,
      isWantedAgain: false,
    };
    const { clock, transport } = process;
    const log = (message: string): void => this.note(`${name}: ${message}`);
    const copying = randomStream(hashName('copying'), seed, number);
    placed.running = startWorker({
      coordinators: [...new Set([...this.#addresses, ...(this.world.network ? this.world.coordinatorAddresses : [])])],
      identity: {
        instance: name,
        token: 't',
        host: `host${Math.floor(place / workersPerHost)}`,
        version: '0',
        patienceMs: 60_000,
        heartbeatTimeoutMs,
      },
      mesh: { listen: this.world.meshAddress(name) },
      transport,
      clock,
      log: (message) => {
        const linked = /^generation (\d+):/.exec(message);
        if (linked) placed.generation = Number(linked[1]);
        this.checkers.seen.blocksFromPeers += Number(/(\d+) from other workers/.exec(message)?.[1] ?? 0);
        if (message.startsWith('no blocks from')) this.checkers.seen.peersLeftAlone += 1;
        log(message);
      },
      ...(seed % 4 === 0 ? {} : { cache: new SmallCache() }),
      hostEngine: localEngine({
        clock,
        uploader: new LateUpload(new StateUpload(transport, log), clock, () => Math.max(0, 60 * copying() - 30)),
        log,
        createEngine: async (itsJob, fetchBlock) =>
          new ToyEngine(itsJob, model, {
            clock,
            random,
            fetchBlock,
            speedMs: () => (speedsMs[place] ?? 10) * placed.factor,
            observer: { onCompute: (phase, task) => this.checkers.onCompute(name, placed.generation, { phase, task }) },
          }),
      }),
    });
    void placed.running.finished.then(
      () => this.#workerEnded(place, placed, undefined),
      (error: unknown) => this.#workerEnded(place, placed, error),
    );
    this.#workers[place] = placed;
  }

  #workerEnded(place: number, placed: PlacedWorker, error: unknown): void {
    placed.isOver = true;
    if (!placed.process.isAlive) return;
    this.note(`${placed.process.name} ended${error ? `: ${textOf(error)}` : ''}`);
    const code = (error as { code?: string } | undefined)?.code;
    // A disk that is full, or that confirms writes it has not made, may lack the end.
    const isOver =
      this.isDone || this.disk.isFull || this.checkers.diskLied || replayJournal(this.disk.journal()).ended;
    if (error && code !== 'COORDINATOR_UNREACHABLE' && !isOver)
      this.checkers.problem(`${placed.process.name} ended with ${textOf(error)}`);
    // One that came before its coordinator is started again, as by an operator.
    if ((code === 'COORDINATOR_UNREACHABLE' || placed.isWantedAgain) && !this.isDone)
      this.world.clock.after(500, () => this.startWorker(place));
  }

  #crashWorker(place: number, isNoticed: boolean): void {
    const placed = this.#workers[place];
    if (!placed?.process.isAlive) return;
    this.world.crash(placed.process, isNoticed);
  }

  #crashCoordinators(isNoticed: boolean): void {
    for (const { process } of this.#coordinators) this.world.crash(process, isNoticed);
    this.#coordinators = [];
  }

  #later(ms: number, run: () => void): void {
    this.world.clock.after(ms, () => {
      if (!this.isDone) run();
    });
  }

  #processOf(who: number | 'coordinator'): WorldProcess | undefined {
    return who === 'coordinator' ? this.#coordinators.at(-1)?.process : this.#workers[who]?.process;
  }

  inflict(fault: Fault): void {
    if (this.isDone) return;
    const { network } = this.world;
    this.note(
      `FAULT ${Object.entries(fault)
        .map(([key, value]) =>
          key === 'kind' ? value : `${key} ${typeof value === 'number' ? Math.round(value * 10) / 10 : value}`,
        )
        .join(', ')}`,
    );
    switch (fault.kind) {
      case 'a worker crashes':
        this.#crashWorker(fault.worker, fault.isNoticed);
        if (fault.backAfterMs !== undefined) this.#later(fault.backAfterMs, () => this.#restart(fault.worker));
        return;
      case 'a worker is asked to leave':
        this.#workers[fault.worker]?.running.leave();
        if (fault.backAfterMs !== undefined) this.#later(fault.backAfterMs, () => this.#restart(fault.worker));
        return;
      case 'a worker joins':
        return this.startWorker(this.#workers.length);
      case 'a worker becomes slow': {
        const placed = this.#workers[fault.worker];
        if (placed) placed.factor = fault.factor;
        return;
      }
      case 'the coordinator crashes':
        if (fault.isTorn && !this.#isCalm) this.disk.tearNext = () => this.#crashCoordinators(fault.isNoticed);
        this.#later(fault.isTorn ? 300 : 0, () => {
          this.disk.tearNext = undefined;
          this.#crashCoordinators(fault.isNoticed);
          if (fault.losesRecords && this.disk.loseRecords()) this.checkers.diskLied = true;
        });
        return this.#later(fault.backAfterMs + 301, () => void this.#ensureCoordinator());
      case 'everything crashes':
        this.#crashCoordinators(true);
        this.#workers.forEach((_, place) => this.#crashWorker(place, true));
        if (fault.isSpoiled) this.disk.spoilNewestCheckpoint();
        this.#later(fault.backAfterMs, () => void this.#ensureCoordinator());
        return this.#later(fault.backAfterMs, () => this.#workers.forEach((_, place) => this.#restart(place)));
      case 'the disk is full':
        this.disk.isFull = true;
        return this.#later(fault.forMs, () => (this.disk.isFull = false));
      case 'a checkpoint is spoiled':
        return void this.disk.spoilNewestCheckpoint();
      default:
        if (network) this.#inflictOnNetwork(fault, network);
    }
  }

  #inflictOnNetwork(
    fault: Extract<
      Fault,
      {
        kind:
          | 'a worker freezes'
          | 'a worker greets nobody'
          | 'a link breaks'
          | 'a partition'
          | 'a host is cut off'
          | 'the coordinator freezes';
      }
    >,
    network: Network,
  ): void {
    const freeze = (process: WorldProcess | undefined, forMs: number): void => {
      if (process) (process as SimProcess).frozenUntilMs = network.clock.now() + forMs;
    };
    switch (fault.kind) {
      case 'a worker freezes':
        return freeze(this.#processOf(fault.worker), fault.forMs);
      case 'a worker greets nobody': {
        const process = this.#processOf(fault.worker);
        if (process?.isAlive) network.mute(process as SimProcess);
        return;
      }
      case 'a link breaks': {
        const process = this.#processOf(fault.worker);
        if (process?.isAlive) network.breakLink(process as SimProcess);
        return;
      }
      case 'the coordinator freezes':
        freeze(this.#processOf('coordinator'), fault.forMs);
        if (fault.isReplaced) void this.startCoordinator(1);
        return;
      case 'a partition': {
        const [from, to] = [this.#processOf(fault.from), this.#processOf(fault.to)];
        return this.#hold(
          network,
          from && to && from !== to
            ? fault.bothWays
              ? [
                  [from.name, to.name],
                  [to.name, from.name],
                ]
              : [[from.name, to.name]]
            : [],
          fault.forMs,
        );
      }
      case 'a host is cut off': {
        const cut = this.#processOf(fault.worker)?.name;
        const others = [...this.#coordinators, ...this.#workers].flatMap((each) =>
          each && each.process.name !== cut ? each.process.name : [],
        );
        return this.#hold(
          network,
          cut === undefined
            ? []
            : others.flatMap((other): [string, string][] => [
                [cut, other],
                [other, cut],
              ]),
          fault.forMs,
        );
      }
    }
  }

  #hold(network: Network, pairs: readonly (readonly [string, string])[], forMs: number): void {
    for (const [from, to] of pairs) network.block(from, to);
    this.#later(forMs, () => {
      for (const [from, to] of pairs) network.unblock(from, to);
    });
  }

  /** Once the present coordinator has ended, if it is about to. */
  #restart(place: number): void {
    const placed = this.#workers[place];
    if (!placed || !placed.process.isAlive || placed.isOver) this.startWorker(place);
    else placed.isWantedAgain = true;
  }

  async #ensureCoordinator(): Promise<void> {
    if (this.#coordinators.some(({ process }) => process.isAlive)) return;
    await this.startCoordinator(0);
  }

  /** Faults stop, and every process that is needed is there. From here the run must end. */
  calmDown(): void {
    if (this.isDone) return;
    this.#isCalm = true;
    this.note('CALM');
    this.disk.isFull = false;
    this.disk.tearNext = undefined;
    const { network } = this.world;
    if (network) {
      network.isCalm = true;
      network.unblockAll();
    }
    for (const placed of this.#workers) if (placed) placed.factor = 1;
    void this.#ensureCoordinator();
    for (let place = 0; place < this.scenario.workers; place++) this.#restart(place);
  }
}

/** Simulated workers have their place in their address; real ones have a host each. */
const placeOf = ({ host, meshAddress }: { host: string; meshAddress: string }): number =>
  Number(/^worker(\d+)#/.exec(meshAddress)?.[1] ?? host.slice(4));

const textOf = (error: unknown): string => (error instanceof Error ? error.message : 'something unknown');

const roundedOf = (value: number): number => (Number.isInteger(value) ? value : Number(value.toPrecision(4)));

const describeNotice = (notice: CoordinatorNotice): string => {
  const { type, ...fields } = notice;
  switch (notice.type) {
    case 'joined':
      return `${notice.worker.workerId} on ${notice.worker.host} joined`;
    case 'pausing':
      return [
        `generation ${notice.generation} pauses`,
        notice.boundary ? ' at the end of a step' : '',
        `: ${notice.reason}`,
      ].join('');
    case 'phaseAssigned':
      return (
        `generation ${notice.generation}: ${notice.phase} ${notice.reason} on ` +
        `${notice.members.map(({ workerId, ranks }) => `${workerId}[${ranks.lo},${ranks.hi})`).join(' ')}`
      );
    case 'resumed':
      return `generation ${notice.generation} goes`;
    case 'epoch':
      return `${notice.phase}: epoch ${notice.record.epoch} whole, ${notice.record.rows} rows`;
    case 'phaseDone':
      return (
        `${notice.record.phase}: done after ${notice.record.steps} steps, ${notice.record.stopped}, weights ` +
        `${notice.record.weightsSha256.slice(0, 12)}`
      );
    case 'checkpoint':
      return `checkpoint of the ${notice.record.phase} at operation ${notice.record.ops}`;
    default:
      return (
        `${type} ` +
        `${JSON.stringify(fields, (_, value: unknown) => (typeof value === 'number' ? roundedOf(value) : value))}`
      );
  }
};

export const simulate = (scenario: Scenario): Promise<Outcome> => runCluster(scenario, virtualWorld(scenario));

/** Runs coordinator and workers in a world, and judges what they did. */
export async function runCluster(scenario: Scenario, world: World): Promise<Outcome> {
  const cluster = new Cluster(scenario, world);
  await cluster.startCoordinator();
  for (let place = 0; place < scenario.workers; place++) cluster.startWorker(place);
  for (const fault of scenario.faults) world.clock.after(fault.atMs, () => cluster.inflict(fault));
  world.clock.after(scenario.calmAtMs, () => cluster.calmDown());
  await world.pass(() => cluster.isOver);
  const { checkers } = cluster;
  if (!cluster.isOver)
    checkers.problem(
      `I7: the run did not end: coordinator ${cluster.isDone ? 'out, workers not' : 'still in'} at ` +
        `${world.clock.now().toFixed(0)} ms`,
    );
  else checkers.finish(cluster.disk.models);
  checkers.seen.cutInside = world.network?.cutInside ?? 0;
  if (world.network && world.network.mostQueued > maxQueuedFrames)
    checkers.problem(`I6: ${world.network.mostQueued} frames in one queue`);
  return { problems: checkers.problems, seen: checkers.seen, transcript: cluster.transcript };
}

/** The command that replays a seed. */
export const replayCommand = (seed: number): string => `npm run sim -- --seed ${seed}`;
