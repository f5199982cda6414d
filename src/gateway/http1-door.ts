import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { CancelTimer } from '../protocol/ports.ts';
import type { GatewayContext } from './context.ts';
import { BINARY_HEAD, type Doorman } from './doorman.ts';
import { startHandshake } from './handshake-driver.ts';
import type { HttpRoutes } from './http-routes.ts';
import { Http1Transport } from './http1-transport.ts';
import type { HttpAnswer } from './problem.ts';

/** Time for the head of a request, also of the next one on the same connection, in milliseconds. */
const HEAD_TIMEOUT_MS = 10_000;
const MAX_HEADER_BYTES = 16_384;
const MAX_HEADERS = 64;

/** HTTP/1.1: plain requests, and sessions with a chunked request and a response that ends with the connection. */
export class Http1Door {
  readonly #context: GatewayContext;
  readonly #doorman: Doorman;
  readonly #routes: HttpRoutes;
  readonly #server: Server;
  /** Connections that owe us a request head. */
  readonly #waiting = new Map<Socket, CancelTimer>();
  /** Who is at the other end of a connection. */
  readonly #addresses = new WeakMap<Socket, string>();

  constructor(context: GatewayContext, doorman: Doorman, routes: HttpRoutes) {
    this.#context = context;
    this.#doorman = doorman;
    this.#routes = routes;
    this.#server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, requestTimeout: 0 });
    this.#server.maxHeadersCount = MAX_HEADERS;
    this.#server.on('request', (request, response) => this.#onRequest(request, response));
  }

  /** @param address of the peer; behind a proxy that says it, not the socket's */
  accept(socket: Socket, address: string): void {
    this.#addresses.set(socket, address);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#headArrived(socket));
    this.#awaitHead(socket);
    this.#server.emit('connection', socket);
  }

  /** Connections that wait for a request are closed; the others close with their response. */
  stop(): void {
    for (const socket of this.#waiting.keys()) socket.destroy();
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    this.#headArrived(socket);
    const { method = '', url: target = '', headers } = request;
    const address = this.#context.clientAddress(this.#addresses.get(socket) ?? '', headers);
    const admission = this.#doorman.admit({ method, target, headers, address });
    switch (admission.kind) {
      case 'session': {
        delimitByClose(response);
        response.writeHead(200, BINARY_HEAD).flushHeaders();
        const userAgent = headers['user-agent'] ?? '';
        startHandshake(this.#context, new Http1Transport(request, response), { address, userAgent });
        return;
      }
      case 'empty':
        delimitByClose(response);
        response.writeHead(200, BINARY_HEAD).end();
        return;
      case 'refused':
        this.#answer(request, response, admission.answer);
        return;
      case 'route':
        void this.#routes
          .answer({ method, path: admission.path, address })
          .then((answer) => this.#answer(request, response, answer));
    }
  }

  /** No route reads a body, so a request that has one costs its connection instead of our reading it to the end. */
  #answer(request: IncomingMessage, response: ServerResponse, answer: HttpAnswer): void {
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
    const hasBody = encoding !== undefined || (length !== undefined && length !== '0');
    if (hasBody) response.setHeader('connection', 'close');
    else response.once('finish', () => this.#awaitHead(request.socket));
    const bytes = Buffer.byteLength(answer.body);
    response.writeHead(answer.status, { ...answer.headers, 'content-length': bytes }).end(answer.body);
  }

  #awaitHead(socket: Socket): void {
    if (socket.destroyed) return;
    const expire = () => socket.destroy();
    this.#waiting.set(socket, this.#context.clock.after(HEAD_TIMEOUT_MS, expire));
  }

  #headArrived(socket: Socket): void {
    this.#waiting.get(socket)?.();
    this.#waiting.delete(socket);
  }
}

/** Neither a length nor chunks: the end of the connection ends the body. PROTOCOL.md 2.3. */
function delimitByClose(response: ServerResponse): void {
  response.setHeader('connection', 'close');
  response.removeHeader('transfer-encoding');
}
