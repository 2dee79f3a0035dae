// One socket from a process to another, next to several that share the same frames: interleaved rounds, medians.
//   npm run bench -- sockets [--rounds 9]
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { webSocketTransport } from '@stillhouse/transport';
import { median } from './contestant.mjs';

const header = new Uint8Array(32);
const frame = new Uint8Array(256 * 1024);
const frames = 160;

/** Sends as many frames as a link asks for. */
async function serve() {
  const listener = await webSocketTransport.listen('127.0.0.1:0', (link) => {
    link.admit({ frameBytes: 4096 });
    link.onFrame((asked) => {
      for (let left = asked[0]; left > 0; left--) link.send(header, frame);
    });
  });
  process.send(listener.address);
}

async function measure(address, sockets) {
  const links = await Promise.all(Array.from({ length: sockets }, () => webSocketTransport.connect(address)));
  const place = new Uint8Array(frame.byteLength);
  let left = frames;
  const whole = new Promise((resolve, reject) => {
    const arrived = () => --left === 0 && resolve();
    const misfit = () => reject(new Error('a frame is not whole'));
    for (const link of links) link.receiveInto({ headerBytes: header.byteLength, place: () => place, arrived, misfit });
  });
  const before = process.cpuUsage();
  const began = performance.now();
  for (const link of links) link.send(Uint8Array.of(frames / sockets));
  await whole;
  const ms = performance.now() - began;
  const { user, system } = process.cpuUsage(before);
  for (const link of links) link.abort();
  return { ms, cpuMs: (user + system) / 1000 };
}

async function main() {
  const { values } = parseArgs({ args: process.argv.slice(3), options: { rounds: { type: 'string', default: '9' } } });
  const sender = fork(fileURLToPath(import.meta.url));
  const address = await new Promise((resolve) => sender.once('message', resolve));
  const counts = [1, 2, 4];
  const rounds = Object.fromEntries(counts.map((count) => [count, []]));
  for (let round = 0; round < Number(values.rounds); round++)
    for (const count of round % 2 ? counts.toReversed() : counts) rounds[count].push(await measure(address, count));
  console.log(`| sockets | ms | GB/s | processor of the receiver, s/GB |\n| --- | --- | --- | --- |`);
  for (const count of counts) {
    const ms = median(rounds[count].map((round) => round.ms));
    const cpuMs = median(rounds[count].map((round) => round.cpuMs));
    const gigabytes = (frames * frame.byteLength) / 1e9;
    const [rate, cost] = [(1000 * gigabytes) / ms, cpuMs / 1000 / gigabytes];
    console.log(`| ${count} | ${ms.toFixed(1)} | ${rate.toFixed(2)} | ${cost.toFixed(2)} |`);
  }
  sender.kill();
}

await (process.send ? serve() : main());
