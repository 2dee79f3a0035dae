// Reads WebSocket frames (RFC 6455, section 5.2) that a server sends, and puts the contents of its messages where a
// sink wants them. Long messages are read from the socket into that place, without a copy; nothing is allocated for
// them. Other frames are handed back.
import type { FrameSink } from '@stillhouse/core/cluster';

const longestHeader = 10;
const continuation = 0;
const binary = 2;
/** A message with more content than this is long: it is worth reading its beginning by itself. */
const longBytes = 64 * 1024;

export class SinkReader {
  readonly #head = new Uint8Array(longestHeader);
  #headBytes = 0;
  #opcode = 0;
  #isLast = false;
  /** Bytes of the current frame's payload that have not arrived. */
  #left = 0;
  #isInFrame = false;
  readonly #header: Uint8Array;
  /** Bytes of the current message so far. */
  #messageBytes = 0;
  #place: Uint8Array | undefined;
  /** Whether the last message was long. */
  #isLong = false;

  /**
   * @param sink takes the messages
   * @param onOther called with the bytes of other frames, header and all, as they arrive
   */
  constructor(
    private readonly sink: FrameSink,
    private readonly onOther: (bytes: Uint8Array) => void,
  ) {
    this.#header = new Uint8Array(sink.headerBytes);
  }

  /** Whether the beginning of a message has arrived and its end has not. */
  get isUnfinished(): boolean {
    return this.#isInFrame || this.#headBytes > 0 || this.#messageBytes > 0;
  }

  /**
   * Where the next bytes of the stream should be read: their place, if it is known, or else `buffer`, or its beginning.
   */
  roomIn(buffer: Uint8Array): Uint8Array {
    const { headerBytes } = this.sink;
    const offset = this.#messageBytes - headerBytes;
    if (this.#isInFrame && this.#isMessage && this.#place && offset >= 0) {
      const room = this.#place.subarray(offset, offset + this.#left);
      if (room.byteLength > 0) return room;
    }
    // The next message is probably as long as the last: no more than what comes before its content.
    return this.#isLong ? buffer.subarray(0, 2 + headerBytes + longestHeader) : buffer;
  }

  /** Takes the next bytes of the stream. Those that were not read into their place may change afterwards. */
  take(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.byteLength;) {
      if (!this.#isInFrame) {
        this.#head[this.#headBytes++] = bytes[at++];
        if (this.#headBytes === this.#headLength()) this.#beginFrame();
        continue;
      }
      const taken = Math.min(this.#left, bytes.byteLength - at);
      const part = bytes.subarray(at, at + taken);
      if (this.#isMessage) this.#takeContent(part);
      else this.onOther(part);
      at += taken;
      this.#left -= taken;
      if (this.#left === 0) this.#endFrame();
    }
  }

  get #isMessage(): boolean {
    return this.#opcode === continuation || this.#opcode === binary;
  }

  #headLength(): number {
    if (this.#headBytes < 2) return 2;
    const length = this.#head[1] & 0x7f;
    return 2 + (length === 127 ? 8 : length === 126 ? 2 : 0);
  }

  #beginFrame(): void {
    const view = new DataView(this.#head.buffer);
    const short = this.#head[1] & 0x7f;
    this.#left = short === 127 ? Number(view.getBigUint64(2)) : short === 126 ? view.getUint16(2) : short;
    this.#opcode = this.#head[0] & 0x0f;
    this.#isLast = (this.#head[0] & 0x80) !== 0;
    if (!this.#isMessage) this.onOther(this.#head.slice(0, this.#headBytes));
    this.#headBytes = 0;
    this.#isInFrame = true;
    if (this.#left === 0) this.#endFrame();
  }

  #takeContent(part: Uint8Array): void {
    const { headerBytes } = this.sink;
    let content = part;
    if (this.#messageBytes < headerBytes) {
      const head = part.subarray(0, headerBytes - this.#messageBytes);
      this.#header.set(head, this.#messageBytes);
      this.#messageBytes += head.byteLength;
      if (this.#messageBytes === headerBytes) this.#place = this.sink.place(this.#header);
      content = part.subarray(head.byteLength);
    }
    const offset = this.#messageBytes - headerBytes;
    this.#messageBytes += content.byteLength;
    const place = this.#place;
    // What is longer than its place is not written; the message's end says so.
    if (!place || content.byteLength === 0 || offset + content.byteLength > place.byteLength) return;
    if (content.buffer !== place.buffer || content.byteOffset !== place.byteOffset + offset) place.set(content, offset);
  }

  #endFrame(): void {
    this.#isInFrame = false;
    if (!this.#isMessage || !this.#isLast) return;
    const [bytes, place] = [this.#messageBytes, this.#place];
    this.#messageBytes = 0;
    this.#place = undefined;
    this.#isLong = bytes > longBytes;
    if (bytes < this.sink.headerBytes) this.sink.misfit(bytes);
    else if (place && bytes - this.sink.headerBytes === place.byteLength) this.sink.arrived(place);
    else if (place) this.sink.misfit(bytes);
  }
}
