// Links over WebSocket. They decide nothing; frames arrive and leave whole and in order.
import { createServer, type IncomingMessage } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';
import { limits, messageOf, StillhouseError } from '@stillhouse/core';
import type { Link, Listener, Transport } from '@stillhouse/core/cluster';

const socketOptions = { perMessageDeflate: false, maxPayload: limits.frameBytes, skipUTF8Validation: true } as const;

/**
 * Masks protect caches between browsers and servers from what a page's script may send (RFC 6455, section 10.3). There
 * are none here, and masking in JavaScript takes several times as long as sending: a mask of zeros changes nothing.
 */
const generateMask = (mask: Buffer): void => void mask.fill(0);

class WebSocketLink implements Link {
  #kept: Uint8Array[] = [];
  #onFrame: ((frame: Uint8Array) => void) | undefined;
  #onClose: ((reason: string) => void) | undefined;
  #closed: string | undefined;
  #error = '';

  constructor(
    private readonly socket: WebSocket,
    private readonly request: () => IncomingMessage | undefined,
  ) {
    socket.binaryType = 'nodebuffer';
    socket.on('message', (data: Buffer) => (this.#onFrame ? this.#onFrame(data) : this.#kept.push(data)));
    socket.on('error', (error) => (this.#error = error.message));
    socket.on('close', (_code, reason) => {
      this.#closed = reason.toString() || this.#error;
      this.#onClose?.(this.#closed);
    });
  }

  get localHost(): string {
    // An IPv4 address may be written as an IPv6 one.
    return (this.request()?.socket.localAddress ?? '127.0.0.1').replace(/^::ffff:/, '');
  }

  send(...parts: Uint8Array[]): void {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    // A failed send appears as the link closing.
    parts.forEach((part, i) => this.socket.send(part, { binary: true, fin: i === parts.length - 1 }, () => {}));
  }

  onFrame(listener: (frame: Uint8Array) => void): void {
    this.#onFrame = listener;
    for (const frame of this.#kept.splice(0)) listener(frame);
  }

  onClose(listener: (reason: string) => void): void {
    this.#onClose = listener;
    if (this.#closed !== undefined) listener(this.#closed);
  }

  close(reason = ''): void {
    // A close frame carries at most 123 bytes of reason.
    this.socket.close(
      1000,
      Buffer.from(reason)
        .subarray(0, 120)
        .toString('utf8')
        .replace(/\uFFFD+$/, ''),
    );
  }

  abort(): void {
    this.socket.terminate();
  }
}

function parseAddress(address: string): { host: string; port: number } {
  const match = /^(?:ws:\/\/)?\[?([^\]]*?)\]?:(\d+)$/.exec(address);
  const port = Number(match?.[2]);
  if (!match || port > 65535) throw new StillhouseError('USAGE', `${address} does not have the form HOST:PORT`);
  return { host: match[1] || '0.0.0.0', port };
}

function listenError(error: NodeJS.ErrnoException, address: string): StillhouseError {
  return error.code === 'EADDRINUSE'
    ? new StillhouseError('PORT_IN_USE', `${address} is already in use`, { cause: error })
    : new StillhouseError('LISTEN_FAILED', `cannot listen on ${address}: ${error.message}`, { cause: error });
}

export const webSocketTransport: Transport = {
  async listen(address, onLink): Promise<Listener> {
    const { host, port } = parseAddress(address);
    const http = createServer((_request, response) =>
      response.writeHead(426, { 'content-type': 'text/plain' }).end('Stillhouse speaks WebSocket here.\n'),
    );
    const server = new WebSocketServer({ server: http, ...socketOptions });
    await new Promise<void>((resolve, reject) => {
      server.on('error', (error) => reject(listenError(error, address)));
      http.listen({ host, port }, resolve);
    });
    server.on('connection', (socket, request) => onLink(new WebSocketLink(socket, () => request)));
    const bound = http.address();
    const boundPort = typeof bound === 'object' && bound ? bound.port : port;
    return {
      address: `ws://${host.includes(':') ? `[${host}]` : host}:${boundPort}`,
      close: () =>
        new Promise((resolve) => {
          for (const socket of server.clients) socket.terminate();
          server.close(() => http.close(() => resolve()));
        }),
    };
  },

  connect(address): Promise<Link> {
    return new Promise((resolve, reject) => {
      const unreachable = (why: string): StillhouseError =>
        new StillhouseError('COORDINATOR_UNREACHABLE', `no connection to ${address}: ${why}`);
      let socket: WebSocket;
      try {
        socket = new WebSocket(address, { ...socketOptions, generateMask, handshakeTimeout: limits.connectTimeoutMs });
      } catch (error) {
        return reject(unreachable(messageOf(error)));
      }
      let upgrade: IncomingMessage | undefined;
      socket.once('upgrade', (response) => (upgrade = response));
      const link = new WebSocketLink(socket, () => upgrade);
      socket.once('open', () => resolve(link));
      socket.once('error', (error: NodeJS.ErrnoException) =>
        reject(unreachable(error.message || error.code || 'refused')),
      );
    });
  },
};
