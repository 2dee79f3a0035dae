// Links between workers. For each ordered pair the receiver connects to the sender, since WebSocket masks what clients
// send: gradients flow from server to client. A hello opens each link; from then on it carries frames one way.
import {
  decodeMeshHello, encodeFrame, encodeMessage, StillhouseError, toErrorRecord,
  type Link, type Listener, type Member, type MeshHello, type Outgoing, type Transport,
} from '@stillhouse/core';

/** Why a member closes its links when a phase is over; any other reason means that it is lost. */
const phaseOver = 'phase over';

export interface MeshEvents {
  readonly onFrame: (from: number, frame: Uint8Array) => void;
  readonly onLost: (from: number, reason: string) => void;
}

export interface Membership {
  readonly generation: number;
  readonly members: readonly Member[];
  readonly self: number;
}

export class Mesh {
  #listener: Listener | undefined;
  /** Links by which peers hear this worker, by generation and member. */
  readonly #outgoing = new Map<string, Link>();
  #incoming: Link[] = [];
  #awaited: { key: string; arrived: () => void }[] = [];

  private constructor(
    private readonly transport: Transport,
    private readonly token: string,
  ) {}

  /** @param address HOST:PORT to listen at */
  static async open(transport: Transport, address: string, token: string): Promise<Mesh> {
    const mesh = new Mesh(transport, token);
    mesh.#listener = await transport.listen(address, (link) => mesh.#accept(link));
    return mesh;
  }

  get address(): string {
    return this.#listener!.address;
  }

  /** Resolves when this worker is linked both ways with every other member. */
  async join({ generation, members, self }: Membership, events: MeshEvents): Promise<void> {
    const peers = members.flatMap((member, index) => (index === self ? [] : [{ ...member, index }]));
    const heard = peers.map(({ index }) => this.#heardBy(`${generation}:${index}`));
    await Promise.all(peers.map(async ({ workerId, meshAddress, index }) => {
      const link = await this.transport.connect(meshAddress).catch((cause: unknown) => {
        throw new StillhouseError('PEER_UNREACHABLE', `no connection with worker ${workerId} at ${meshAddress}: ${toErrorRecord(cause).message}`, { cause });
      });
      this.#incoming.push(link);
      link.onFrame((frame) => events.onFrame(index, frame));
      link.onClose((reason) => {
        if (reason !== phaseOver) events.onLost(index, reason);
      });
      link.send(encodeMessage({ token: this.token, generation, index: self }));
    }));
    await Promise.all(heard);
  }

  send(generation: number, outgoing: readonly Outgoing[]): void {
    for (const { to, frame } of outgoing) this.#outgoing.get(`${generation}:${to}`)?.send(...encodeFrame(frame));
  }

  /** Closes the links of a phase. Frames that were sent still arrive: they are ahead of the closing. */
  leave(): void {
    for (const link of this.#outgoing.values()) link.close(phaseOver);
    this.#outgoing.clear();
    this.#awaited = [];
  }

  async close(): Promise<void> {
    this.leave();
    for (const link of this.#incoming) link.close(phaseOver);
    await this.#listener?.close();
  }

  /** Resolves when the peer of a key listens. */
  async #heardBy(key: string): Promise<void> {
    if (!this.#outgoing.has(key)) await new Promise<void>((arrived) => this.#awaited.push({ key, arrived }));
  }

  #accept(link: Link): void {
    link.onFrame((frame) => {
      let hello: MeshHello;
      try {
        hello = decodeMeshHello(frame);
        if (hello.token !== this.token) throw new StillhouseError('TOKEN_REJECTED', 'the token between workers is not the one of this run');
      } catch (error) {
        link.close(error instanceof Error ? error.message : String(error));
        return;
      }
      const key = `${hello.generation}:${hello.index}`;
      this.#outgoing.set(key, link);
      for (const waiter of this.#awaited) if (waiter.key === key) waiter.arrived();
    });
  }
}
