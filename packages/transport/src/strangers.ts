// Connections to a port that have not sent a valid hello. They have little time, and there can only be so many.
import type { Socket } from 'node:net';
import { limits } from '@stillhouse/core';
import { ticksOf, unwatch, watch, type Watched } from './watch.js';

export class Strangers implements Watched {
  /** How many ticks each has been here; the first has been here for the longest time. */
  readonly #ages = new Map<Socket, number>();

  /** If there are too many, the one that has kept silent for the longest time goes. */
  add(socket: Socket): void {
    if (this.#ages.size >= limits.strangerCount) {
      const [oldest] = this.#ages.keys();
      oldest.destroy();
      this.remove(oldest);
    }
    this.#ages.set(socket, 0);
    socket.once('close', () => this.remove(socket));
    watch(this);
  }

  remove(socket: Socket): void {
    this.#ages.delete(socket);
    if (this.#ages.size === 0) unwatch(this);
  }

  close(): void {
    for (const socket of [...this.#ages.keys()]) socket.destroy();
    this.#ages.clear();
    unwatch(this);
  }

  tick(): void {
    for (const [socket, age] of this.#ages) {
      this.#ages.set(socket, age + 1);
      if (age + 1 > ticksOf(limits.helloMs)) socket.destroy();
    }
  }
}
