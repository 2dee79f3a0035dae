// Meshes of workers on one host over sockets: when the memory of a peer is opened, and that it is closed once.
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { joinBytes } from '@stillhouse/core';
import { decodeHeader, encodeMessage, type MeshHello } from '@stillhouse/core/cluster';
import { webSocketTransport } from '@stillhouse/transport';
import { Mesh, type HostMemory, type MeshEvents } from '@stillhouse/worker/light';

const token = 'secret';
const nonce = '0'.repeat(64);

/** Descriptors of files, without files. */
class CountedMemory implements HostMemory {
  readonly files = new Set<number>();
  opened = 0;
  #next = 3;

  create() {
    const file = this.#next++;
    this.files.add(file);
    return { file, offer: { pid: 1, file, nonce } };
  }

  open(): number {
    const file = this.#next++;
    this.opened += 1;
    this.files.add(file);
    return file;
  }

  close(file: number): void {
    if (!this.files.delete(file)) throw new Error(`descriptor ${file} is not open`);
  }
}

const meshes: Mesh[] = [];
afterEach(() => Promise.all(meshes.splice(0).map((mesh) => mesh.close())));

async function worker(): Promise<{ mesh: Mesh; memory: CountedMemory }> {
  const memory = new CountedMemory();
  const refuse = (): never => {
    throw new Error('nobody asks for this');
  };
  const mesh = await Mesh.open(webSocketTransport, {
    address: '127.0.0.1:0',
    token,
    memory,
    onBlockLink: refuse,
    onMeasureLink: refuse,
  });
  meshes.push(mesh);
  return { mesh, memory };
}

const events: MeshEvents = {
  place: () => undefined,
  onGreeted: () => {},
  onFrame: () => {},
  onLost: () => {},
};

/** A generation of two workers on one host. */
const enter = (meshOf: readonly { mesh: Mesh }[], self: number, generation: number): Promise<Map<number, number>> =>
  meshOf[self].mesh.link(
    { generation, self, hosts: [0, 0] },
    meshOf.map(({ mesh }) => mesh.address),
    events,
  );

/** A connection as a worker's peer makes it; what it is greeted with, frame by frame. */
async function connect(mesh: Mesh, ...hellos: MeshHello[]): Promise<{ reads: boolean[]; abort: () => void }> {
  const link = await webSocketTransport.connect(mesh.address);
  const reads: boolean[] = [];
  link.onFrame((frame) => {
    const header = decodeHeader(frame);
    if (header.type === 'greeting') reads.push(header.reads);
  });
  for (const hello of hellos) link.send(joinBytes(encodeMessage(hello)));
  return { reads, abort: () => link.abort() };
}

/** Long enough for a frame on the loopback: nothing else says that something does not happen. */
const aMomentMs = 200;

test('the memory of a peer that is ahead is opened when a worker follows, and closed with the generation', async () => {
  const both = [await worker(), await worker()];
  const [first, second] = both;
  const ahead = enter(both, 0, 2);
  await delay(aMomentMs);
  expect(second.memory.files.size).toBe(0);
  const files = await Promise.all([ahead, enter(both, 1, 2)]);
  expect(files.map((each) => [...each.keys()].toSorted())).toEqual([
    [0, 1],
    [0, 1],
  ]);
  for (const { memory } of both) expect([memory.opened, memory.files.size]).toEqual([1, 2]);
  // Each is told of the next one, which one of them has no part in.
  for (const { mesh } of both) mesh.unlink(3);
  expect([first, second].map(({ memory }) => memory.files.size)).toEqual([0, 0]);
});

test('a generation that this worker never enters opens nothing', async () => {
  const { mesh, memory } = await worker();
  const offer = { pid: 1, file: 7, nonce };
  const peers = [];
  for (let generation = 1; generation <= 40; generation++)
    peers.push(await connect(mesh, { token, generation, index: 1, memory: offer }));
  await delay(aMomentMs);
  expect(memory.opened).toBe(0);
  for (const { reads, abort } of peers) {
    expect(reads).toEqual([]);
    abort();
  }
});

test('a second hello, over the same link or another, neither opens memory that is in use nor closes it', async () => {
  const both = [await worker(), await worker()];
  await Promise.all([enter(both, 0, 1), enter(both, 1, 1)]);
  const { mesh, memory } = both[0];
  const before = [...memory.files];
  const hello = { token, generation: 1, index: 1, memory: { pid: 1, file: 3, nonce } };
  const again = await connect(mesh, hello, hello);
  await expect.poll(() => again.reads).toEqual([true]);
  // An offer that comes later does not replace the first: what it shows is in use.
  const other = await connect(mesh, { ...hello, memory: { ...hello.memory, file: 9 } });
  await expect.poll(() => other.reads).toEqual([true]);
  await delay(aMomentMs);
  expect(again.reads).toEqual([true]);
  expect(memory.opened).toBe(1);
  expect([...memory.files]).toEqual(before);
  for (const { abort } of [again, other]) abort();
  mesh.unlink(2);
  expect(memory.files.size).toBe(0);
});
