// Reads the headers of WebSocket frames (RFC 6455, section 5.2) as bytes arrive, before anything is buffered: how long
// a message says that it is, and whether one is unfinished.

const longestHeader = 14;
const continuation = 0;
const lastDataOpcode = 2;

export class FrameMeter {
  readonly #header = new Uint8Array(longestHeader);
  #headerBytes = 0;
  /** Bytes of the current frame's payload that have not arrived. */
  #payloadLeft = 0;
  /** What the frames of the current message have announced so far. */
  #messageBytes = 0;
  #isMessage = false;
  #isLast = false;
  #isInFrame = false;

  /** Whether the beginning of a message has arrived and its end has not. */
  get isUnfinished(): boolean {
    return this.#isMessage || this.#isInFrame || this.#headerBytes > 0;
  }

  /**
   * Takes the next bytes of the stream.
   * @returns the length of the longest message that a header in them announces, as far as it is known
   */
  take(chunk: Uint8Array): number {
    let longest = 0;
    for (let at = 0; at < chunk.length;) {
      if (this.#isInFrame) {
        const taken = Math.min(this.#payloadLeft, chunk.length - at);
        this.#payloadLeft -= taken;
        at += taken;
        if (this.#payloadLeft === 0) this.#endFrame();
        continue;
      }
      this.#header[this.#headerBytes++] = chunk[at++];
      if (this.#headerBytes < this.#headerLength()) continue;
      this.#beginFrame();
      longest = Math.max(longest, this.#messageBytes, this.#payloadLeft);
      if (this.#payloadLeft === 0) this.#endFrame();
    }
    return longest;
  }

  #headerLength(): number {
    if (this.#headerBytes < 2) return 2;
    const length = this.#header[1] & 0x7f;
    return 2 + (length === 127 ? 8 : length === 126 ? 2 : 0) + (this.#header[1] & 0x80 ? 4 : 0);
  }

  #beginFrame(): void {
    const view = new DataView(this.#header.buffer);
    const short = this.#header[1] & 0x7f;
    const length = short === 127 ? Number(view.getBigUint64(2)) : short === 126 ? view.getUint16(2) : short;
    this.#headerBytes = 0;
    this.#payloadLeft = length;
    this.#isInFrame = true;
    const opcode = this.#header[0] & 0x0f;
    this.#isLast = false;
    // Control frames may come between the frames of a message.
    if (opcode > lastDataOpcode) return;
    this.#messageBytes = opcode === continuation ? this.#messageBytes + length : length;
    this.#isMessage = true;
    this.#isLast = (this.#header[0] & 0x80) !== 0;
  }

  #endFrame(): void {
    this.#isInFrame = false;
    if (!this.#isLast) return;
    this.#isMessage = false;
    this.#messageBytes = 0;
  }
}
