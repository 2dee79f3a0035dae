// Links over WebSocket. They decide nothing; frames arrive and leave whole and in order.
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type Socket, type TcpSocketConnectOpts } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { limits, messageOf, StillhouseError } from '@stillhouse/core';
import type { Link, Listener, Transport } from '@stillhouse/core/cluster';
import { Strangers } from './strangers.js';
import { strangerBounds, WebSocketLink } from './websocket-link.js';

const socketOptions = { perMessageDeflate: false, maxPayload: limits.frameBytes, skipUTF8Validation: true } as const;

/**
 * Masks protect caches between browsers and servers from what a page's script may send (RFC 6455, section 10.3). There
 * are none here, and masking in JavaScript takes several times as long as sending: a mask of zeros changes nothing.
 */
const generateMask = (mask: Buffer): void => void mask.fill(0);

/** Browsers name the page whose script opens a connection; no worker does. */
const isFromPage = ({ headers }: IncomingMessage): boolean =>
  headers.origin !== undefined || headers['sec-websocket-origin'] !== undefined;

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

const readBytes = 256 * 1024;
/** What sockets are read into, one after the other: all of it is taken before the next one is read. */
let readBuffer: Uint8Array | undefined;

/**
 * A connection whose bytes are read into one buffer for all, or to where its link wants them, so that nothing is
 * allocated for them. Bytes that the link does not take are copied for the socket's other readers.
 */
function connectReading(to: TcpSocketConnectOpts, link: () => WebSocketLink | undefined): Socket {
  const buffer = (readBuffer ??= new Uint8Array(readBytes));
  const socket: Socket = connect({
    ...to,
    noDelay: true,
    onread: {
      buffer: () => link()?.roomIn(buffer) ?? buffer,
      callback(count, read) {
        const bytes = read.subarray(0, count);
        return (link()?.take(bytes) ?? true) ? socket.push(Buffer.from(bytes)) : true;
      },
    },
  });
  return socket;
}

export const webSocketTransport: Transport = {
  async listen(address, onLink): Promise<Listener> {
    const { host, port } = parseAddress(address);
    const http = createServer((_request, response) =>
      response
        .writeHead(426, { 'content-type': 'text/plain', connection: 'close' })
        .end('Stillhouse speaks WebSocket here.\n'),
    );
    const server = new WebSocketServer({ noServer: true, ...socketOptions });
    const strangers = new Strangers();
    http.on('connection', (socket: Socket) => strangers.add(socket));
    http.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      if (isFromPage(request)) {
        socket.on('error', () => {});
        return void socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n');
      }
      let link: WebSocketLink | undefined;
      socket.on('data', (chunk: Buffer) => link?.measure(chunk));
      server.handleUpgrade(request, socket, head, (webSocket) => {
        link = new WebSocketLink(webSocket, strangerBounds, () => strangers.remove(socket));
        link.socket = socket;
        onLink(link);
      });
    });
    await new Promise<void>((resolve, reject) => {
      http.on('error', (error) => reject(listenError(error, address)));
      http.listen({ host, port }, resolve);
    });
    const bound = http.address();
    const boundPort = typeof bound === 'object' && bound ? bound.port : port;
    return {
      address: `ws://${host.includes(':') ? `[${host}]` : host}:${boundPort}`,
      close: () =>
        new Promise((resolve) => {
          for (const socket of server.clients) socket.terminate();
          strangers.close();
          server.close(() => http.close(() => resolve()));
        }),
    };
  },

  connect(address): Promise<Link> {
    return new Promise((resolve, reject) => {
      const unreachable = (why: string): StillhouseError =>
        new StillhouseError('COORDINATOR_UNREACHABLE', `no connection to ${address}: ${why}`);
      let socket: WebSocket;
      let link: WebSocketLink | undefined;
      try {
        socket = new WebSocket(address, {
          ...socketOptions,
          generateMask,
          handshakeTimeout: limits.connectTimeoutMs,
          createConnection: (to: object) => connectReading(to as TcpSocketConnectOpts, () => link),
        });
      } catch (error) {
        return reject(unreachable(messageOf(error)));
      }
      const opened = (link = new WebSocketLink(socket, { frameBytes: limits.frameBytes }));
      socket.once('upgrade', (response) => {
        opened.socket = response.socket;
        response.socket.on('data', (chunk: Buffer) => opened.measure(chunk));
      });
      socket.once('open', () => resolve(opened));
      socket.once('error', (error: NodeJS.ErrnoException) =>
        reject(unreachable(error.message || error.code || 'refused')),
      );
    });
  },
};
