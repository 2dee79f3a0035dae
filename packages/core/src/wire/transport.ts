// The ports between the shells and the outside world: links that carry whole frames in order, and a clock.

/** What the other end of a link may send, and how much may wait for it. */
export interface LinkBounds {
  /** Largest frame that it may send. */
  readonly frameBytes: number;
  /**
   * A link is cut if more than this is waiting to be sent, in addition to a few frames as long as its longest: the
   * other end does not read. Unbounded if absent.
   */
  readonly queuedBytes?: number;
}

/** Takes frames that begin with a header of fixed length, each into memory that is chosen when its header is there. */
export interface FrameSink {
  readonly headerBytes: number;
  /** Where the rest of the frame belongs; undefined to drop it. */
  place(header: Uint8Array): Uint8Array | undefined;
  /** The frame is complete, and its rest where `place` wanted it; not called for a frame that was dropped. */
  arrived(data: Uint8Array): void;
  /** The frame is shorter than a header, or its rest has another length than its place. */
  misfit(bytes: number): void;
}

/**
 * A link that was accepted belongs to a stranger until it is admitted: it may send frames of `limits.helloBytes` at
 * most, and is cut after `limits.helloMs`. A link that was made by `connect` is admitted already.
 */
export interface Link {
  /** Host name of this end, at which the other end reaches this machine. */
  readonly localHost: string;
  /** Whether something that was sent is still waiting to leave this process. */
  readonly isSending: boolean;
  /** Sends one frame, given in parts that the receiver gets joined. Parts must not change until the frame is sent. */
  send(...parts: Uint8Array[]): void;
  /** At most one listener each; frames that arrive earlier are kept for it. */
  onFrame(listener: (frame: Uint8Array) => void): void;
  /** In place of onFrame, for a link that can receive without a copy. */
  receiveInto?(sink: FrameSink): void;
  /** @param listener called with a reason that is safe to print */
  onClose(listener: (reason: string) => void): void;
  /** The other end has sent a valid hello; from now on it has these bounds. */
  admit(bounds: LinkBounds): void;
  /** Closes after the frames that were sent. */
  close(reason?: string): void;
  /** Closes at once; frames that were not sent yet are dropped, and nothing reads their memory any more. */
  abort(): void;
}

export interface Listener {
  /** The address that peers connect to. */
  readonly address: string;
  close(): Promise<void>;
}

export interface Transport {
  /** @throws StillhouseError PORT_IN_USE or LISTEN_FAILED */
  listen(address: string, onLink: (link: Link) => void): Promise<Listener>;
  /** @throws StillhouseError COORDINATOR_UNREACHABLE if nothing listens on the address, or not in time */
  connect(address: string): Promise<Link>;
}

export interface Clock {
  now(): number;
  /** Runs the callback once after a delay; the returned function cancels it. */
  after(delayMs: number, callback: () => void): () => void;
}
