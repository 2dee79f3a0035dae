// How fast the machines of a cluster reach each other, without a run: each of them measures each other one, one pair
// after the other, as workers do.
import { hostname } from 'node:os';
import { z } from 'zod';
import { fromErrorRecord, limits, messageOf, StillhouseError, toErrorRecord } from '@stillhouse/core';
import { protocolVersion, type Link, type Reach, type Route } from '@stillhouse/core/cluster';
import { systemClock, webSocketTransport } from '@stillhouse/transport';
import { Mesh, meshPlan, Routes, serveMeasure } from '@stillhouse/worker/light';
import { coordinatorUrl, meshWish, type MeshOptions } from './addresses.js';
import { localAddresses } from './local-addresses.js';
import { heed, unlessAborted } from './unless-aborted.js';

/** How one machine gets bytes from another. */
export interface MeasuredLink {
  /** Numbers of machines, in the order of `machines`. */
  readonly to: number;
  readonly from: number;
  /** Undefined if it cannot reach the other one. */
  readonly route?: Route | undefined;
  readonly reason?: string | undefined;
}

export interface LinkMatrix {
  readonly machines: readonly { readonly host: string; readonly meshAddress: string }[];
  readonly links: readonly MeasuredLink[];
}

export interface JoinLinksOptions extends MeshOptions {
  /** Address of the machine that collects the measurements. */
  readonly coordinator: string;
  readonly token: string;
  readonly signal?: AbortSignal | undefined;
}

export interface HostLinksOptions extends MeshOptions {
  /** HOST:PORT; port 0 takes any free one. */
  readonly listen: string;
  /** How many machines take part, with this one. */
  readonly workers: number;
  readonly token: string;
  /** Called with the address once it listens. */
  readonly onListening: (address: string) => void;
  readonly onMeasured?: ((done: number, of: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const interrupted = (): Error => new StillhouseError('INTERRUPTED', 'the measurement was interrupted');

/** Longer than any measurement takes. */
const answerMs = 60_000;

const reachSchema = z.object({ meshAddress: z.string(), alternatives: z.array(z.string()).optional() });
const fromMachine = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('hello'),
    protocol: z.int(),
    token: z.string(),
    host: z.string().max(limits.nameLength),
    reach: reachSchema,
  }),
  z.object({ type: z.literal('measured'), route: z.custom<Route>() }),
  z.object({ type: z.literal('notMeasured'), reason: z.string() }),
]);
const toMachine = z.discriminatedUnion('type', [
  z.object({ type: z.literal('measure'), reach: reachSchema }),
  z.object({ type: z.literal('over') }),
  z.object({ type: z.literal('refused'), error: z.custom<ReturnType<typeof toErrorRecord>>() }),
]);
type FromMachine = z.infer<typeof fromMachine>;
type ToMachine = z.infer<typeof toMachine>;

const say = (link: Link, message: FromMachine | ToMachine): void => link.send(Buffer.from(JSON.stringify(message)));

/** Undefined if the bytes are no such message. */
const hear = <Message>(schema: z.ZodType<Message>, frame: Uint8Array): Message | undefined => {
  try {
    return schema.parse(JSON.parse(Buffer.from(frame).toString()));
  } catch {
    return undefined;
  }
};

/** A machine that takes part: answers measurements of others, and measures when it is asked. */
export async function joinLinks({ coordinator, token, signal, ...mesh }: JoinLinksOptions): Promise<void> {
  const locals = localAddresses();
  const wish = meshWish(mesh);
  const link = await webSocketTransport.connect(coordinatorUrl(coordinator));
  const { listen, reachAt } = meshPlan(wish, locals, link.localHost);
  const listening = await Mesh.open(webSocketTransport, {
    address: listen,
    token,
    onBlockLink: (other) => other.abort(),
    onMeasureLink: (other) => serveMeasure(other, reach.meshAddress),
  });
  const reach = reachAt(listening.address);
  const routes = new Routes({ transport: webSocketTransport, clock: systemClock, token, locals, log: () => {} });
  try {
    const over = new Promise<void>((resolve, reject) => {
      link.onClose((reason) =>
        reject(new StillhouseError('COORDINATOR_LOST', `the connection closed: ${reason || 'no reason given'}`)),
      );
      link.onFrame((frame) => {
        const message = hear(toMachine, frame);
        if (message?.type === 'over') resolve();
        if (message?.type === 'refused') reject(fromErrorRecord(message.error));
        if (message?.type === 'measure')
          routes.measure(message.reach).then(
            (route) => say(link, { type: 'measured', route }),
            (error: unknown) => say(link, { type: 'notMeasured', reason: messageOf(error) }),
          );
      });
    });
    say(link, { type: 'hello', protocol: protocolVersion, token, host: hostname(), reach });
    await unlessAborted(signal, interrupted, () => over);
  } finally {
    link.close();
    await listening.close();
  }
}

interface Machine {
  readonly link: Link;
  readonly host: string;
  readonly reach: Reach;
  answer: ((message: FromMachine) => void) | undefined;
  isGone: boolean;
}

const refuse = (link: Link, error: StillhouseError): void => {
  say(link, { type: 'refused', error: toErrorRecord(error) });
  link.close(error.message);
};

/** Why a machine may not take part; undefined if it may. */
function refusalOf(
  { protocol, token }: FromMachine & { type: 'hello' },
  expected: string,
): StillhouseError | undefined {
  if (protocol !== protocolVersion)
    return new StillhouseError('PROTOCOL_VERSION', `protocol version ${protocol} is not ${protocolVersion}`);
  if (token !== expected) return new StillhouseError('TOKEN_REJECTED', 'the token is not that of this measurement');
  return undefined;
}

/** Resolves when as many machines as are wanted have joined. */
function gather(workers: number, token: string): { accept: (link: Link) => void; all: Promise<Machine[]> } {
  const machines: Machine[] = [];
  let complete: (machines: Machine[]) => void;
  const all = new Promise<Machine[]>((resolve) => (complete = resolve));
  const accept = (link: Link): void => {
    let machine: Machine | undefined;
    link.onFrame((frame) => {
      const message = hear(fromMachine, frame);
      if (machine && message) return machine.answer?.(message);
      if (message?.type !== 'hello') return link.abort();
      const refusal = refusalOf(message, token);
      if (refusal) return refuse(link, refusal);
      if (machines.length === workers)
        return refuse(link, new StillhouseError('RUN_FULL', `${workers} machines take part already`));
      link.admit({ frameBytes: limits.helloBytes, queuedBytes: limits.strangerQueuedBytes });
      const { host, reach } = message;
      const joined: Machine = (machine = { link, host, reach, answer: undefined, isGone: false });
      machines.push(joined);
      link.onClose(() => {
        joined.isGone = true;
        joined.answer?.({ type: 'notMeasured', reason: 'it left' });
        if (machines.length < workers) machines.splice(machines.indexOf(joined), 1);
      });
      if (machines.length === workers) complete([...machines]);
    });
  };
  return { accept, all };
}

function askMachine(machine: Machine, reach: Reach): Promise<Pick<MeasuredLink, 'route' | 'reason'>> {
  if (machine.isGone) return Promise.resolve({ reason: 'it left' });
  return new Promise((resolve) => {
    const stopWaiting = systemClock.after(answerMs, () => resolve({ reason: 'it does not answer' }));
    machine.answer = (message) => {
      stopWaiting();
      if (message.type === 'measured') resolve({ route: message.route });
      if (message.type === 'notMeasured') resolve({ reason: message.reason });
    };
    say(machine.link, { type: 'measure', reach });
  });
}

/** The address at which this machine takes part in what it hosts. */
function ownAddress(address: string): string {
  const external = localAddresses().find(({ isInternal, host }) => !isInternal && !host.includes(':'));
  return address.replace(/\/\/(0\.0\.0\.0|\[::\]):/, `//${external?.host ?? '127.0.0.1'}:`);
}

/**
 * Waits for other machines, and has each measure how it gets bytes from each other one.
 * @throws StillhouseError USAGE, NETWORK_MISSING, PORT_IN_USE, LISTEN_FAILED, INTERRUPTED
 */
export async function hostLinks(options: HostLinksOptions): Promise<LinkMatrix> {
  const { listen, workers, token, onListening, onMeasured = () => {}, signal, ...mesh } = options;
  const { accept, all } = gather(workers, token);
  const listener = await webSocketTransport.listen(listen, accept);
  try {
    onListening(listener.address);
    const own = joinLinks({ coordinator: ownAddress(listener.address), token, signal, ...mesh });
    const machines = await Promise.race([all, own.then(() => all)]);
    const pairs = machines.flatMap((_, to) => machines.flatMap((__, from) => (to === from ? [] : [{ to, from }])));
    const links: MeasuredLink[] = [];
    for (const { to, from } of pairs) {
      heed(signal, interrupted);
      links.push({ to, from, ...(await askMachine(machines[to], machines[from].reach)) });
      onMeasured(links.length, pairs.length);
    }
    for (const { link } of machines) say(link, { type: 'over' });
    await own;
    return { machines: machines.map(({ host, reach }) => ({ host, meshAddress: reach.meshAddress })), links };
  } finally {
    await listener.close();
  }
}
