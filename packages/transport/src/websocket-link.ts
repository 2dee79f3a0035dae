// One link over WebSocket, with its bounds: what the other end may send, how long a frame may take, and how much may
// wait to be sent.
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { limits, printableLine } from '@stillhouse/core';
import type { FrameSink, Link, LinkBounds } from '@stillhouse/core/cluster';
import { FrameMeter } from './frame-meter.js';
import { SinkReader } from './sink-reader.js';
import { ticksOf, unwatch, watch, type Watched } from './watch.js';

/** Bounds of a link whose other end has not sent a valid hello. */
export const strangerBounds: LinkBounds = { frameBytes: limits.helloBytes, queuedBytes: limits.strangerQueuedBytes };

export class WebSocketLink implements Link, Watched {
  #kept: Uint8Array[] = [];
  #onFrame: ((frame: Uint8Array) => void) | undefined;
  #onClose: ((reason: string) => void) | undefined;
  #closed: string | undefined;
  #error = '';
  #socket: Socket | undefined;
  readonly #meter = new FrameMeter();
  #reader: SinkReader | undefined;
  #tickedBytes = 0;
  #slowTicks = 0;
  #longestSent = 0;
  #isClosing = false;
  #isCut = false;

  /** @param onAdmitted called once the other end has sent a valid hello */
  constructor(
    private readonly webSocket: WebSocket,
    private bounds: LinkBounds,
    private readonly onAdmitted: () => void = () => {},
  ) {
    webSocket.binaryType = 'nodebuffer';
    webSocket.on('message', (data: Buffer) => this.#receive(data));
    webSocket.on('error', (error) => (this.#error ||= error.message));
    webSocket.on('close', (_code, reason) => {
      unwatch(this);
      this.#closed = printableLine(reason.toString() || this.#error);
      this.#onClose?.(this.#closed);
    });
  }

  /** What is below the link. */
  set socket(socket: Socket) {
    this.#socket = socket;
  }

  /** Where the next bytes should be read: into the buffer, or to where they belong. */
  roomIn(buffer: Uint8Array): Uint8Array {
    return this.#reader && !this.#isCut ? this.#reader.roomIn(buffer) : buffer;
  }

  /**
   * Takes bytes that have arrived, which may change afterwards.
   * @returns whether they still have to be handed to WebSocket
   */
  take(bytes: Uint8Array): boolean {
    if (!this.#reader) return true;
    if (!this.#isCut) this.#reader.take(bytes);
    if (this.#reader.isUnfinished) watch(this);
    return false;
  }

  /** Measures bytes that have arrived; to be called before WebSocket reads them. */
  measure(chunk: Uint8Array): void {
    if (this.#meter.take(chunk) > this.bounds.frameBytes) this.#cut('a frame is longer than it may be');
    else if (this.#meter.isUnfinished) watch(this);
  }

  get localHost(): string {
    // An IPv4 address may be written as an IPv6 one.
    return (this.#socket?.localAddress ?? '127.0.0.1').replace(/^::ffff:/, '');
  }

  admit(bounds: LinkBounds): void {
    this.bounds = bounds;
    this.onAdmitted();
  }

  send(...parts: Uint8Array[]): void {
    if (this.webSocket.readyState !== WebSocket.OPEN) return;
    // One system call for all parts. A failed send appears as the link closing.
    this.#socket?.cork();
    parts.forEach((part, i) => this.webSocket.send(part, { binary: true, fin: i === parts.length - 1 }, () => {}));
    this.#socket?.uncork();
    const bytes = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
    this.#longestSent = Math.max(this.#longestSent, bytes);
    const { queuedBytes = Infinity } = this.bounds;
    if (this.webSocket.bufferedAmount > queuedBytes + limits.longFramesQueued * this.#longestSent)
      this.#cut('the other end does not read what it is sent');
  }

  get isSending(): boolean {
    return this.webSocket.bufferedAmount > 0;
  }

  onFrame(listener: (frame: Uint8Array) => void): void {
    this.#onFrame = listener;
    for (const frame of this.#kept.splice(0)) listener(frame);
  }

  /** Only for links that were made by `connect`, whose bytes pass through `take`. */
  receiveInto(sink: FrameSink): void {
    this.#reader = new SinkReader(sink, (bytes) => this.#socket?.push(Buffer.from(bytes)));
  }

  onClose(listener: (reason: string) => void): void {
    this.#onClose = listener;
    if (this.#closed !== undefined) listener(this.#closed);
  }

  close(reason = ''): void {
    this.#isClosing = true;
    // A close frame carries at most 123 bytes of reason.
    this.webSocket.close(
      1000,
      Buffer.from(reason)
        .subarray(0, 120)
        .toString('utf8')
        .replace(/\uFFFD+$/, ''),
    );
  }

  abort(): void {
    // Nothing that still arrives may be written where it was wanted.
    this.#isCut = true;
    this.webSocket.terminate();
  }

  /** A frame that has begun must get on. */
  tick(): void {
    const bytes = this.#socket?.bytesRead ?? 0;
    const isSlow = bytes - this.#tickedBytes < limits.frameBytesPerTick;
    this.#tickedBytes = bytes;
    this.#slowTicks = isSlow ? this.#slowTicks + 1 : 0;
    if (!this.#meter.isUnfinished && !this.#reader?.isUnfinished) {
      this.#slowTicks = 0;
      unwatch(this);
    } else if (this.#slowTicks > ticksOf(limits.unfinishedFrameMs)) this.#cut('a frame was begun and not finished');
  }

  #receive(frame: Buffer): void {
    // Nobody waits for an answer any more.
    if (this.#error || this.#isClosing) return;
    if (this.#onFrame) this.#onFrame(frame);
    else this.#kept.push(frame);
  }

  #cut(why: string): void {
    this.#error ||= why;
    this.#isCut = true;
    this.webSocket.terminate();
  }
}
