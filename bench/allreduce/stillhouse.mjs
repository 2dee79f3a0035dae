// all-reduce by the product's collective, mesh and transport: SELF ADDRESS,ADDRESS,…. A line "link FLOATS" on standard
// input links the processes; a line "FLOATS ITERATIONS" is answered by a line with the milliseconds of each, and of the
// processor.
import { createInterface } from 'node:readline';
import { Collective } from '@stillhouse/core/cluster';
import { webSocketTransport } from '@stillhouse/transport';
import { allocateFlat, hostMemoryOf, Mesh } from '@stillhouse/worker/light';

const self = Number(process.argv[2]);
const addresses = process.argv[3].split(',');
const world = addresses.length;
const mesh = await Mesh.open(webSocketTransport, {
  address: addresses[self],
  token: 'bench',
  onBlockLink() {},
  onMeasureLink() {},
  memory: hostMemoryOf(process.env),
});
const members = Array.from({ length: world }, (_, i) => ({ lo: i, hi: i + 1 }));
console.log('ready');

let generation = 0;
let out;
let collective;
let whole;
let isMeasuring;
/** Links for all-reduces of so many numbers: each worker's are its index, plus one. */
async function link(floats) {
  generation += 1;
  mesh.unlink(generation);
  const { buffers, sums } = allocateFlat([floats]);
  [out] = buffers;
  isMeasuring = true;
  const hosts = members.map(() => 0);
  const files = await mesh.link(
    { generation, self, hosts },
    addresses.map((address) => `ws://${address}`),
    {
      place: (from, header) => collective.place(from, header),
      onGreeted() {},
      onFrame(from, { header, data }) {
        mesh.send(generation, collective.receive(from, header, data));
        if (collective.gradientsWhole) whole?.();
      },
      onLost: (from, { reason }) => {
        // A peer that is asked for the next measurement cuts the links of this one.
        if (isMeasuring) throw new Error(`lost ${from}: ${reason}`);
      },
    },
  );
  collective = new Collective({
    generation,
    ranks: world,
    members,
    self,
    out,
    memory: sums,
    op: 0,
    files,
    hosts: files.size > 0 ? hosts : undefined,
  });
  collective.partials[0].fill(self + 1);
}

async function measure(iterations) {
  const once = async () => {
    const done = new Promise((resolve) => (whole = resolve));
    mesh.send(generation, collective.contribute(0));
    if (collective.gradientsWhole) whole();
    await done;
    whole = undefined;
    collective.advance();
  };
  for (let i = 0; i < 3; i++) await once();
  const times = [];
  const before = process.cpuUsage();
  for (let i = 0; i < iterations; i++) {
    const began = performance.now();
    await once();
    times.push(performance.now() - began);
  }
  isMeasuring = false;
  const { user, system } = process.cpuUsage(before);
  const expected = (world * (world + 1)) / 2;
  if (!out.every((value) => value === expected)) throw new Error('the sum is wrong');
  return { ms: times, cpuMs: (user + system) / 1000 / iterations };
}

for await (const line of createInterface({ input: process.stdin })) {
  const [what, count] = line.split(' ');
  if (what === 'link') await link(Number(count));
  console.log(JSON.stringify(what === 'link' ? {} : await measure(Number(count))));
}
process.exit(0);
