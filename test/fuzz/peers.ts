// npm run fuzz -- --frames 1000000: what hostile peers send, to the decoders of all ports, to a coordinator at work, to
// a collective, and a part of it over sockets to both ports of a running cluster. Nothing crashes, freezes or is
// accepted that messages do not allow.
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { StillhouseError } from '@stillhouse/core';
import {
  Collective,
  coordinatorTransition,
  decodeBlockQuestion,
  decodeHeader,
  decodeMeshHello,
  decodeToCoordinator,
  emptyHistory,
  initialCoordinatorState,
  plainSumMemory,
  protocolVersion,
  type CoordinatorEffect,
  type CoordinatorState,
  type ToCoordinator,
} from '@stillhouse/core/cluster';
import { webSocketTransport } from '@stillhouse/transport';
import { quick, webSocketWorld } from '../contract/websocket-world.js';
import { runCluster } from '../simulation/cluster.js';
import { scenarioOf } from '../simulation/scenario.js';
import { frameOf, helloOf, meshFrameOf, meshHellosOf, workerMessages } from './frames.js';

/** A frame may not keep a processor busy for longer. */
const freezeMs = 250;
const memoryBytes = 512 * 1024 * 1024;
/** One frame in this many goes over a socket. */
const perSocket = 500;
const attackersPerPort = 4;

/** Texts that are shown as several lines, or not shown. */
const freeTexts = new Set(['message', 'stack', 'next', 'topology', 'name', 'token', 'key', 'runId']);
const integers = new Set(['generation', 'ops', 'step', 'steps', 'peer', 'id', 'offset', 'total', 'epoch', 'lo', 'hi']);

/** What no accepted message contains, whatever its schema; undefined if there is nothing of the kind. */
function forbiddenIn(value: unknown, key = ''): string | undefined {
  if (typeof value === 'string')
    return !freeTexts.has(key) && /[\p{Cc}\p{Cf}]/u.test(value) ? `text ${key}` : undefined;
  if (typeof value === 'number') return integers.has(key) && !(Number.isInteger(value) && value >= 0) ? key : undefined;
  if (typeof value === 'boolean' || value === null || value instanceof Uint8Array) return undefined;
  if (typeof value !== 'object') return `${key}: ${typeof value}`;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && prototype !== Object.prototype) return `${key}: an object of a class`;
  for (const [inner, each] of Object.entries(value)) {
    const found = forbiddenIn(each, Array.isArray(value) ? key : inner);
    if (found !== undefined) return found;
  }
  return undefined;
}

export class PeerFuzz {
  readonly problems: string[] = [];
  readonly counts = { accepted: 0, refused: 0, sent: 0 };
  slowestMs = 0;
  readonly #atStart = process.memoryUsage().rss;
  mostBytes = 0;

  async run(frames: number, from: number): Promise<void> {
    const base = runningCoordinator();
    for (let n = from; n < from + frames; n++) {
      this.#decode(n, base);
      if (n % 1000 === 0) this.#checkMemory(n);
    }
    await this.#overSockets(Math.ceil(frames / perSocket), from);
    this.#checkMemory(from + frames);
  }

  /** Processor time, because another process may keep this one waiting. */
  #timed<T>(what: string, work: () => T): T {
    const before = process.cpuUsage();
    try {
      return work();
    } finally {
      const { user, system } = process.cpuUsage(before);
      const ms = (user + system) / 1000;
      this.slowestMs = Math.max(this.slowestMs, ms);
      if (ms > freezeMs) this.problems.push(`${what}: ${ms.toFixed(0)} ms`);
    }
  }

  #decode(n: number, base: CoordinatorState): void {
    const what = `frame ${n}`;
    switch (n % 8) {
      case 0:
        return void this.#accepted(what, decodeMeshHello, frameOf(meshHellosOf('m'), n));
      case 1:
        return void this.#accepted(what, decodeBlockQuestion, frameOf([workerMessages[9]], n));
      case 2:
        return void this.#accepted(what, receive, meshFrameOf(n));
      default: {
        const message = this.#accepted(what, decodeToCoordinator, frameOf([hello, ...workerMessages], n));
        if (message) this.#tell(what, base, message);
      }
    }
  }

  /** The message; undefined if it was refused as it should be. */
  #accepted<T>(what: string, decode: (frame: Uint8Array) => T, frame: Uint8Array): T | undefined {
    try {
      const message = this.#timed(what, () => decode(frame));
      const forbidden = message === undefined ? undefined : forbiddenIn(message);
      if (forbidden !== undefined) this.problems.push(`${what} was accepted with ${forbidden}`);
      this.counts.accepted += 1;
      return message;
    } catch (error) {
      this.counts.refused += 1;
      if (!(error instanceof StillhouseError) || error.code !== 'PROTOCOL_VIOLATION')
        this.problems.push(`${what}: ${textOf(error)}`);
      else if (error.message.length > 500)
        this.problems.push(`${what}: an error of ${error.message.length} characters`);
      return undefined;
    }
  }

  /** A worker with the token, and without a part in the generation, never ends a run, and blames no other. */
  #tell(what: string, base: CoordinatorState, message: ToCoordinator): void {
    try {
      const { state, effects } = this.#timed(what, () =>
        coordinatorTransition(base, { type: 'message', link: hostileLink, message }, 2),
      );
      if (state.ended) this.problems.push(`${what}: ${message.type} ended the run`);
      const harmed = effects.find(
        (effect) => (effect.type === 'close' && effect.link !== hostileLink) || isBad(effect),
      );
      if (harmed) this.problems.push(`${what}: ${message.type} harmed another worker`);
    } catch (error) {
      this.problems.push(`${what}: ${message.type}: ${textOf(error)}`);
    }
  }

  #checkMemory(n: number): void {
    this.mostBytes = Math.max(this.mostBytes, process.memoryUsage().rss - this.#atStart);
    if (this.mostBytes > memoryBytes && !this.problems.some((each) => each.startsWith('memory')))
      this.problems.push(`memory: ${this.mostBytes} bytes more after frame ${n}`);
  }

  /** Strangers at both ports of a cluster, and at its mesh with the token; the run must end as without them. */
  async #overSockets(frames: number, from: number): Promise<void> {
    let n = from;
    const attackers: Promise<void>[] = [];
    let isOver = false;
    const attack = async (name: string, address: string): Promise<void> => {
      for (; !isOver && n < from + frames; await delay(1))
        await this.#attack(n++, { address, isCoordinator: name.startsWith('coordinator') });
    };
    const scenario = { ...quick(scenarioOf(7)), faults: [] };
    while (n < from + frames && this.problems.length === 0) {
      isOver = false;
      const world = webSocketWorld((name, address) => {
        for (let each = 0; each < attackersPerPort; each++) attackers.push(attack(name, address));
      });
      const { problems, transcript } = await runCluster(scenario, world);
      isOver = true;
      await Promise.all(attackers.splice(0));
      if (problems.length > 0) this.problems.push(...problems, ...transcript.slice(-20));
    }
  }

  async #attack(n: number, { address, isCoordinator }: { address: string; isCoordinator: boolean }): Promise<void> {
    this.counts.sent += 1;
    const frames = isCoordinator
      ? [frameOf([helloOf('guess', `i${n}`), ...workerMessages], n)]
      : n % 3 === 0
        ? [frameOf(meshHellosOf('m'), n), meshFrameOf(n)]
        : [frameOf(meshHellosOf('guess'), n)];
    if (n % 10 === 0) return sendRaw(address, Buffer.concat([handshake, ...frames]));
    try {
      const link = await webSocketTransport.connect(address);
      for (const frame of frames) link.send(frame);
      await Promise.race([new Promise<string>((resolve) => link.onClose(resolve)), delay(20)]);
      link.abort();
    } catch {
      // The run is over.
    }
  }
}

/** Of each rank, as the job says. */
const valueCount = 3;

/** A frame of the other of two members. */
function receive(bytes: Uint8Array): undefined {
  const header = decodeHeader(bytes);
  if (header.type === 'state' || header.type === 'greeting') return;
  const members = [
    { lo: 0, hi: 1 },
    { lo: 1, hi: 2 },
  ];
  const out = new Float32Array(32);
  const memory = plainSumMemory;
  const about = { generation: 65537, ranks: 2, members, self: 0, out, memory, op: 0, valueCount };
  const collective = new Collective(about);
  const place = collective.place(1, header);
  if (!place) return;
  if (place.byteLength > Math.max(out.byteLength, 8 * valueCount))
    throw new Error(`a frame ${header.type} takes ${place.byteLength} bytes`);
  collective.receive(1, header, place);
}

const handshake = Buffer.from(
  'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
);

async function sendRaw(address: string, bytes: Uint8Array): Promise<void> {
  const { hostname, port } = new URL(address);
  const socket: Socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  socket.end(bytes);
  await Promise.race([new Promise((resolve) => socket.once('close', resolve)), delay(20)]);
  socket.destroy();
}

const textOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));

/** Effects that no worker without a part in a generation may cause. */
const isBad = ({ type }: CoordinatorEffect): boolean =>
  type === 'end' || type === 'journal' || type === 'saveModel' || type === 'dropCheckpoint' || type === 'tune';

const hostileLink = 3;
const hello = helloOf('t', 'hostile');

/** A coordinator of two workers at work, and of a third that has joined and is hostile. */
function runningCoordinator(): CoordinatorState {
  const { job } = scenarioOf(7);
  let state = initialCoordinatorState(
    {
      job,
      token: 't',
      meshToken: 'm',
      workers: 2,
      minWorkers: 1,
      allowMixed: false,
      joinTimeoutMs: Infinity,
      heartbeatTimeoutMs: 10_000,
      checkpointEveryMs: Infinity,
      term: 1,
      history: emptyHistory,
    },
    0,
  );
  const say = (link: number, message: object): void => {
    const event = { type: 'message', link, message: message as ToCoordinator } as const;
    ({ state } = coordinatorTransition(state, event, 1));
  };
  const join = (link: number, instance: string): void => {
    say(link, { ...helloOf('t', instance), protocol: protocolVersion });
    const meshAddress = `ws://127.0.0.1:${link}`;
    say(link, { type: 'join', fingerprint: 'engine', choice: '', meshAddress, generation: 0, leaving: false });
  };
  join(1, 'one');
  join(2, 'two');
  const { generation } = state;
  const hashes = { stateSha256: 'a'.repeat(64), weightsSha256: 'a'.repeat(64) };
  for (const link of [1, 2]) say(link, { type: 'paused', generation });
  for (const link of [1, 2]) say(link, { type: 'ready', generation, ops: 0, parameters: 2, ...hashes });
  join(hostileLink, 'hostile');
  return state;
}
