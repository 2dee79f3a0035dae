// The thread that copies training states for checkpoints and sends them; threaded-uploader.ts starts it.
import { constants, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { invariant, messageOf } from '@stillhouse/core';
import { StateUpload } from '@stillhouse/worker/light';
import { webSocketTransport } from '@stillhouse/transport';
import type { FromThread, ToThread } from './threaded-uploader.js';

invariant(parentPort, 'this file is the start of a thread');
const port = parentPort;
const post = (message: FromThread): void => port.postMessage(message);
const upload = new StateUpload(webSocketTransport, (message, fields) => post({ type: 'log', message, fields }));

// On Linux priorities belong to threads: this thread must not displace the training thread.
if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_BELOW_NORMAL);

port.on('message', ({ number, capture }: ToThread) => {
  upload.take(capture).then(
    () => post({ type: 'copied', number }),
    (error: unknown) => post({ type: 'failed', number, reason: messageOf(error) }),
  );
});
