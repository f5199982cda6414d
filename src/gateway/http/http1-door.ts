import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { LIMIT_TABLE } from '../../limits/index.ts';
import type { CancelTimer } from '../../ports/ports.ts';
import type { GatewayContext } from '../sessions/context.ts';
import { startHandshake } from '../sessions/handshake-driver.ts';
import type { ConnectMode } from '../transports/connect-mode.ts';
import { Http1Transport } from '../transports/http1-transport.ts';
import { textModeOf } from '../transports/text-mode.ts';
import { TextTransport } from '../transports/text-transport.ts';
import type { Transport } from '../transports/transport.ts';
import { WebSocketTransport } from '../transports/websocket/websocket-transport.ts';
import { CONNECT_HEADS } from './connect-head.ts';
import type { Admission, Doorman, SessionAdmission } from './doorman.ts';
import type { HttpRoutes } from './http-routes.ts';
import { requestText, switchingProtocols } from './http1-upgrade.ts';
import { type HttpAnswer, PROBLEMS } from './problem.ts';
import { hasOneHost } from './request-target.ts';

const REFUSED_HEAD = '431 Request Header Fields Too Large';
const REFUSED_REQUEST = '400 Bad Request';

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
    // The deadlines are ours: Node.js would end a connection that rests after five seconds of its own.
    const server = createServer({
      maxHeaderSize: LIMIT_TABLE.requestHeadBytes.value,
      requestTimeout: 0,
      headersTimeout: 0,
      keepAliveTimeout: 0,
      requireHostHeader: false,
    });
    // Node.js leaves out what is beyond: one more shows that there is more.
    server.maxHeadersCount = LIMIT_TABLE.requestHeaders.value + 1;
    server.on('clientError', (error, socket) => this.#onClientError(error, socket));
    return server.on('request', (request, response) => this.#onRequest(request, response));
  }

  #addressOf(request: IncomingMessage): string {
    return this.#context.clientAddress(this.#addresses.get(request.socket) ?? '', request.headers);
  }

  #admit(request: IncomingMessage): Admission {
    const { method = '', url: target = '', headers, rawHeaders } = request;
    if (rawHeaders.length > 2 * LIMIT_TABLE.requestHeaders.value) {
      // Among those that are left out could be the one in which a proxy names the client.
      this.#context.counters.httpViolated('TOO_MANY_HEADERS');
      return { kind: 'refused', answer: PROBLEMS.tooManyHeaders };
    }
    const httpVersion = request.httpVersion === '1.1' ? '1.1' : '1.0';
    if (!hasOneHost(rawHeaders, httpVersion)) {
      this.#context.counters.httpViolated('HOST');
      return { kind: 'refused', answer: PROBLEMS.badRequest };
    }
    return this.#doorman.admit({ method, target, headers, httpVersion, address: this.#addressOf(request) });
  }

  #onUpgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const { socket } = request;
    this.#headArrived(socket);
    this.#context.guard.settle(socket);
    const admission = this.#admit(request);
    if (admission.kind === 'session' && admission.mode === 'websocket') {
      stream.write(switchingProtocols(request.headers['sec-websocket-key'] ?? ''), 'latin1');
      if (head.length > 0) stream.unshift(head);
      this.#start(request, admission, this.#webSocket(stream));
      return;
    }
    this.#judged.set(socket, admission);
    stream.unshift(Buffer.concat([requestText(request), head]));
    this.#withoutUpgrade.emit('connection', stream);
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    this.#headArrived(socket);
    this.#context.guard.settle(socket);
    const judged = this.#judged.get(socket);
    // The server that reads it again must not get the next request, too.
    if (judged !== undefined) response.setHeader('connection', 'close');
    const admission = judged ?? this.#admit(request);
    switch (admission.kind) {
      case 'session': {
        writeHead(response, admission.mode).flushHeaders();
        const bytes = new Http1Transport(request, response, this.#context.clock);
        const text = textModeOf(admission.mode);
        this.#start(request, admission, text === undefined ? bytes : new TextTransport(bytes, text));
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

  #start(request: IncomingMessage, { known, mode }: SessionAdmission, transport: Transport): void {
    this.#context.counters.connect(mode, '1.1');
    const userAgent = request.headers['user-agent'] ?? '';
    startHandshake(this.#context, transport, { address: this.#addressOf(request), userAgent, mode, known });
  }

  /** No route reads a body, so a request that has one costs its connection instead of our reading it to the end. */
  #answer(request: IncomingMessage, response: ServerResponse, answer: HttpAnswer): void {
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
    const hasBody = encoding !== undefined || (length !== undefined && length !== '0');
    if (hasBody || answer.status === 400) response.setHeader('connection', 'close');
    else response.once('finish', () => this.#awaitHead(request.socket));
    response.once('close', this.#limitResponse(request.socket));
    const bytes = Buffer.byteLength(answer.body);
    response.writeHead(answer.status, { ...answer.headers, 'content-length': bytes }).end(answer.body);
  }

  #awaitHead(socket: Socket): void {
    if (socket.destroyed) return;
    const { bounds, clock, counters } = this.#context;
    const expire = () => {
      counters.limitReached('firstRequestMs');
      socket.destroy();
    };
    this.#waiting.set(socket, clock.after(bounds.firstRequestMs, expire));
  }

  /** Who does not take an answer in time loses the connection. Returns what ends the limit. */
  #limitResponse(socket: Socket): CancelTimer {
    const { bounds, clock, counters } = this.#context;
    return clock.after(bounds.responseMs, () => {
      counters.limitReached('responseMs');
      socket.destroy();
    });
  }

  /** No HTTP, or more of it than is allowed. Who has been answered already is not answered again. */
  #onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    if (error.code?.startsWith('HPE_') === true) this.#context.counters.httpViolated(error.code);
    const fresh = socket.writable && 'bytesWritten' in socket && socket.bytesWritten === 0;
    const status = error.code === 'HPE_HEADER_OVERFLOW' ? REFUSED_HEAD : REFUSED_REQUEST;
    if (fresh) socket.write(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    socket.destroy();
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
