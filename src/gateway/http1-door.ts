import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { CancelTimer } from '../protocol/ports.ts';
import { CONNECT_HEADS } from './connect-head.ts';
import type { ConnectMode } from './connect-mode.ts';
import type { GatewayContext } from './context.ts';
import type { Admission, Doorman } from './doorman.ts';
import { startHandshake } from './handshake-driver.ts';
import type { HttpRoutes } from './http-routes.ts';
import { Http1Transport } from './http1-transport.ts';
import { requestText, switchingProtocols } from './http1-upgrade.ts';
import type { HttpAnswer } from './problem.ts';
import { textModeOf } from './text-mode.ts';
import { TextTransport } from './text-transport.ts';
import type { Transport } from './transport.ts';
import { WebSocketTransport } from './websocket-transport.ts';

/** Time for the head of a request, also of the next one on the same connection, in milliseconds. */
const HEAD_TIMEOUT_MS = 10_000;
const MAX_HEADER_BYTES = 16_384;
const MAX_HEADERS = 64;

/**
 * HTTP/1.1: plain requests, sessions with a chunked request and a response that ends with the connection, and WebSocket.
 *
 * Node.js takes its parser off a connection whose request asks for an upgrade, to whatever protocol. A request that does not
 * become a WebSocket is therefore read again by a second server, to which an upgrade means nothing (RFC 9110, 7.8).
 */
export class Http1Door {
  readonly #context: GatewayContext;
  readonly #doorman: Doorman;
  readonly #routes: HttpRoutes;
  readonly #server: Server;
  readonly #withoutUpgrade: Server;
  /** What was decided about the requests that are read again. */
  readonly #judged = new WeakMap<Socket, Admission>();
  /** Connections that owe us a request head. */
  readonly #waiting = new Map<Socket, CancelTimer>();
  /** Who is at the other end of a connection. */
  readonly #addresses = new WeakMap<Socket, string>();

  constructor(context: GatewayContext, doorman: Doorman, routes: HttpRoutes) {
    this.#context = context;
    this.#doorman = doorman;
    this.#routes = routes;
    this.#server = this.#createServer();
    this.#server.on('upgrade', (request, socket, head) => this.#onUpgrade(request, socket, head));
    this.#withoutUpgrade = this.#createServer();
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

  #createServer(): Server {
    const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, requestTimeout: 0 });
    server.maxHeadersCount = MAX_HEADERS;
    return server.on('request', (request, response) => this.#onRequest(request, response));
  }

  #addressOf(request: IncomingMessage): string {
    return this.#context.clientAddress(this.#addresses.get(request.socket) ?? '', request.headers);
  }

  #admit(request: IncomingMessage): Admission {
    const { method = '', url: target = '', headers } = request;
    const httpVersion = request.httpVersion === '1.1' ? '1.1' : '1.0';
    return this.#doorman.admit({ method, target, headers, httpVersion, address: this.#addressOf(request) });
  }

  #onUpgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const { socket } = request;
    this.#headArrived(socket);
    const admission = this.#admit(request);
    if (admission.kind === 'session' && admission.mode === 'websocket') {
      stream.write(switchingProtocols(request.headers['sec-websocket-key'] ?? ''), 'latin1');
      if (head.length > 0) stream.unshift(head);
      this.#start(request, admission.mode, this.#webSocket(stream));
      return;
    }
    this.#judged.set(socket, admission);
    stream.unshift(Buffer.concat([requestText(request), head]));
    this.#withoutUpgrade.emit('connection', stream);
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    this.#headArrived(socket);
    const judged = this.#judged.get(socket);
    // The server that reads it again must not get the next request, too.
    if (judged !== undefined) response.setHeader('connection', 'close');
    const admission = judged ?? this.#admit(request);
    switch (admission.kind) {
      case 'session': {
        writeHead(response, admission.mode).flushHeaders();
        const bytes = new Http1Transport(request, response);
        const text = textModeOf(admission.mode);
        this.#start(request, admission.mode, text === undefined ? bytes : new TextTransport(bytes, text));
        return;
      }
      case 'empty':
        writeHead(response, admission.mode).end(textModeOf(admission.mode)?.opening ?? '');
        return;
      case 'refused':
        this.#answer(request, response, admission.answer);
        return;
      case 'route':
        void this.#routes
          .answer({ method: request.method ?? '', path: admission.path, address: this.#addressOf(request) })
          .then((answer) => this.#answer(request, response, answer));
    }
  }

  #webSocket(stream: Duplex): Transport {
    const { clock, counters } = this.#context;
    return new WebSocketTransport({
      stream,
      clock,
      cut: () => stream.destroy(),
      onTextDropped: () => counters.droppedTexts.add(),
    });
  }

  #start(request: IncomingMessage, mode: ConnectMode, transport: Transport): void {
    this.#context.counters.connect(mode, '1.1');
    const userAgent = request.headers['user-agent'] ?? '';
    startHandshake(this.#context, transport, { address: this.#addressOf(request), userAgent, mode });
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

/** Neither a length nor chunks: the end of the connection ends the body, whatever `connection` says. PROTOCOL.md 2.3. */
function writeHead(response: ServerResponse, mode: ConnectMode): ServerResponse {
  response.setHeader('connection', mode === 'sse' ? 'keep-alive' : 'close');
  response.removeHeader('transfer-encoding');
  return response.writeHead(200, CONNECT_HEADS[mode]);
}
