// What a link gives to plain sockets: `listen HOST` or `connect HOST`, each on a host; a line "BYTES" on standard
// input of both is answered by a line with the milliseconds until that many bytes have been sent each way at once.
import { Buffer } from 'node:buffer';
import { createConnection, createServer } from 'node:net';
import { createInterface } from 'node:readline';

const [role, host] = process.argv.slice(2);
const port = 7100;
const chunk = Buffer.alloc(2 ** 18);

async function connected() {
  if (role === 'listen') return new Promise((resolve) => createServer(resolve).listen(port, host));
  for (;;) {
    const socket = createConnection(port, host);
    const isOpen = await new Promise((resolve) =>
      socket.on('connect', () => resolve(true)).on('error', () => resolve(false)),
    );
    if (isOpen) return socket;
  }
}

console.log('ready');
const socket = await connected();
socket.setNoDelay(true);
let received = 0;
let whole = () => {};
socket.on('data', ({ length }) => {
  received += length;
  whole();
});
socket.on('end', () => process.exit());

async function send(bytes) {
  for (let left = bytes; left > 0; left -= chunk.length)
    if (!socket.write(left < chunk.length ? chunk.subarray(0, left) : chunk))
      await new Promise((resolve) => socket.once('drain', resolve));
}

for await (const line of createInterface({ input: process.stdin })) {
  const bytes = Number(line);
  const began = performance.now();
  const done = new Promise((resolve) => {
    whole = () => received >= bytes && resolve();
    whole();
  });
  await Promise.all([send(bytes), done]);
  received -= bytes;
  console.log(JSON.stringify({ ms: performance.now() - began }));
}
process.exit();
