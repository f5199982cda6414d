import {
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2';
import type { Socket } from 'node:net';
import { LIMIT_TABLE } from '../../limits/index.ts';
import type { CancelTimer } from '../../ports/ports.ts';
import type { GatewayContext } from '../sessions/context.ts';
import { startHandshake } from '../sessions/handshake-driver.ts';
import type { ConnectMode } from '../transports/connect-mode.ts';
import { Http2Transport } from '../transports/http2-transport.ts';
import { textModeOf } from '../transports/text-mode.ts';
import { TextTransport } from '../transports/text-transport.ts';
import type { Transport } from '../transports/transport.ts';
import { WebSocketTransport } from '../transports/websocket/websocket-transport.ts';
import { CONNECT_HEADS } from './connect-head.ts';
import type { Doorman } from './doorman.ts';
import type { HttpRoutes } from './http-routes.ts';
import { nameErrorsOf } from './http2-error-code.ts';
import { type Http2Guard, Http2Guards } from './http2-guard.ts';
import type { HttpAnswer } from './problem.ts';

/** Window of each stream: a client that waits until a whole frame fits must not wait forever. PROTOCOL.md 7.5. */
const STREAM_WINDOW = 1_048_576;
/** Window of a connection, so that one stream that is not read cannot stop all others. */
const CONNECTION_WINDOW = 4 * STREAM_WINDOW;
/**
 * Windows of a connection that a proxy shares among clients. A stream that is not read waits with its own window full, and
 * the proxy sends what fits: it needs no room for a whole frame. All streams together have room on the connection.
 */
const SHARED_STREAM_WINDOW = 262_144;
const SHARED_CONNECTION_WINDOW = 128 * SHARED_STREAM_WINDOW;
/** What Node.js may keep for such a connection, in MB: the limits of the sessions on it hold, each for itself. */
const SHARED_MEMORY_MB = 4096;
/** Streams beyond the limit that a proxy may have opened before Node.js ends its connection. */
const MANY_REJECTED = 10_000;
/** How long a GET of `/connect` may take to end its request before the response ends, in milliseconds. */
const REQUEST_END_MS = 500;
/** How often connections are asked for a sign of life; one that has not answered the last question is closed. */
const SWEEP_MS = 30_000;

/** Above every stream: none is refused yet. */
const LAST_STREAM = 2 ** 31 - 1;
/** Debug data for whoever looks. */
const STOPPING = Buffer.from('shutting_down');

interface Connection {
  readonly session: ServerHttp2Session;
  /** Of the peer; requests that a proxy forwards may name another. */
  readonly address: string;
  /** The peer is a proxy whose requests are those of many clients. */
  readonly isShared: boolean;
  readonly guard: Http2Guard;
  awaitsPong: boolean;
  /** The connection's receive window has its size. */
  widened: boolean;
}

/**
 * The reference takes header values with white space around them, which RFC 9113, 8.2.1, forbids; older versions of Node.js, 20
 * among them, cannot do without the check and leave such a header out. PROTOCOL.md 2.2.
 */
const FIELDS = { strictFieldWhitespaceValidation: false };

/** HTTP/2: sessions and plain requests over connections whose TLS handshake is done. */
export class Http2Door {
  readonly #context: GatewayContext;
  readonly #doorman: Doorman;
  readonly #routes: HttpRoutes;
  /** For clients, and for proxies that share a connection among clients. */
  readonly #server: Http2Server;
  readonly #sharedServer: Http2Server;
  readonly #connections = new Map<ServerHttp2Session, Connection>();
  readonly #guards: Http2Guards;
  /** Address of the connection that is being accepted: 'session' is emitted within `accept`. */
  #arriving = '';
  #cancelSweep: CancelTimer;

  constructor(context: GatewayContext, doorman: Doorman, routes: HttpRoutes) {
    this.#context = context;
    this.#doorman = doorman;
    this.#routes = routes;
    this.#guards = new Http2Guards({
      clock: context.clock,
      limits: context.bounds,
      reached: (limit) => context.counters.limitReached(limit),
      shared: context.sharedStreams,
    });
    this.#server = this.#createServer(STREAM_WINDOW, {});
    // Too many streams are the haste of a proxy that has not seen our limit yet.
    const ofProxies = { maxSessionMemory: SHARED_MEMORY_MB, maxSessionRejectedStreams: MANY_REJECTED };
    this.#sharedServer = this.#createServer(SHARED_STREAM_WINDOW, ofProxies);
    this.#cancelSweep = context.clock.after(SWEEP_MS, () => this.#sweep());
  }

  /** @param address of the peer; behind a proxy that says it, not the socket's */
  accept(socket: Socket, address: string): void {
    this.#arriving = address;
    const server = this.#context.namesClients(address) ? this.#sharedServer : this.#server;
    server.emit('connection', socket);
  }

  /** Announces the end on every connection; each closes with its last stream. */
  stop(): void {
    this.#cancelSweep();
    this.#guards.stop();
    for (const { session } of this.#connections.values()) {
      if (session.closed || session.destroyed) continue;
      // The first GOAWAY says why; the one of `close` says where the line is. RFC 9113, 6.8.
      session.goaway(constants.NGHTTP2_NO_ERROR, LAST_STREAM, STOPPING);
      session.close();
    }
  }

  #createServer(window: number, options: ServerOptions): Http2Server {
    const { bounds, counters, logger } = this.#context;
    const server = createServer({
      ...FIELDS,
      ...options,
      maxHeaderListPairs: LIMIT_TABLE.requestHeaders.value,
      settings: {
        initialWindowSize: window,
        maxConcurrentStreams: bounds.streamsPerConnection,
        maxHeaderListSize: LIMIT_TABLE.requestHeadBytes.value,
        enableConnectProtocol: true,
      },
    });
    server.on('session', (session) => this.#onSession(session));
    // Not the 'request' event: its objects cost memory and a turn per stream.
    server.on('stream', (stream, headers) => this.#onStream(stream, headers));
    server.on('sessionError', (error: NodeJS.ErrnoException) => {
      if (error.code?.startsWith('ERR_HTTP2') === true) counters.httpViolated(error.code);
      logger.debug({ err: error }, 'HTTP/2 session error');
    });
    return server;
  }

  #onSession(session: ServerHttp2Session): void {
    nameErrorsOf(session);
    const address = this.#arriving;
    const isShared = this.#context.namesClients(address);
    this.#connections.set(session, {
      session,
      address,
      isShared,
      guard: this.#guards.guard(session, isShared),
      awaitsPong: false,
      widened: false,
    });
    session.on('close', () => this.#connections.delete(session));
  }

  /**
   * The head with the end in it. A response that is complete before its request makes Node.js reset the stream (NO_ERROR),
   * and a peer that reads both at once may never see the head: so the request may end first, within a moment.
   */
  #answerEmpty(stream: ServerHttp2Stream, mode: ConnectMode): void {
    stream.on('error', () => undefined);
    const body = textModeOf(mode)?.opening ?? '';
    const answer = (): void => {
      if (stream.destroyed || stream.headersSent) return;
      stream.respond({ ':status': 200, ...CONNECT_HEADS[mode] }, { endStream: body === '' });
      if (body !== '') stream.end(body);
    };
    const cancel = this.#context.clock.after(REQUEST_END_MS, answer);
    stream.once('end', answer);
    stream.once('close', cancel);
    stream.resume();
  }

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const connection =
      stream.session === undefined ? undefined : this.#connections.get(stream.session as ServerHttp2Session);
    if (connection === undefined) {
      stream.on('error', () => undefined);
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
      return;
    }
    const address = this.#context.clientAddress(connection.address, headers);
    if (!connection.guard.open(stream, address)) return;
    if (!connection.widened) {
      this.#context.guard.settle(connection.session.socket);
      // Here and not when the connection opens: the update leaves in the same write as the response head.
      connection.widened = true;
      connection.session.setLocalWindowSize(
        connection.isShared ? SHARED_CONNECTION_WINDOW : CONNECTION_WINDOW,
      );
    }
    const method = headers[':method'] ?? '';
    const target = headers[':path'] ?? '';
    const protocol = headers[':protocol'] as string | undefined;
    const admission = this.#doorman.admit({ method, target, headers, address, httpVersion: '2', protocol });
    switch (admission.kind) {
      case 'session': {
        const { known, mode } = admission;
        stream.respond({ ':status': 200, ...CONNECT_HEADS[mode] });
        connection.guard.reading(stream);
        this.#context.counters.connect(mode, '2');
        const caller = { address, userAgent: headers['user-agent'] ?? '', mode, known };
        startHandshake(this.#context, this.#transport(stream, mode), caller);
        return;
      }
      case 'empty':
        this.#answerEmpty(stream, admission.mode);
        return;
      case 'refused':
        answerStream(stream, method, admission.answer, connection.guard);
        return;
      case 'route':
        void this.#routes
          .answer({ method, path: admission.path, address })
          .then((answer) => answerStream(stream, method, answer, connection.guard));
    }
  }

  #transport(stream: ServerHttp2Stream, mode: ConnectMode): Transport {
    const { clock, counters } = this.#context;
    if (mode === 'websocket') {
      const cut = () => stream.close(constants.NGHTTP2_CANCEL);
      return new WebSocketTransport({ stream, clock, cut, onTextDropped: () => counters.droppedTexts.add() });
    }
    const bytes = new Http2Transport(stream, clock);
    const text = textModeOf(mode);
    return text === undefined ? bytes : new TextTransport(bytes, text);
  }

  #sweep(): void {
    for (const connection of this.#connections.values()) {
      if (connection.awaitsPong) connection.session.destroy();
      else ping(connection);
    }
    this.#cancelSweep = this.#context.clock.after(SWEEP_MS, () => this.#sweep());
  }
}

/** Finds peers that vanished without a word; client stacks answer by themselves. PROTOCOL.md 2.8. */
function ping(connection: Connection): void {
  if (connection.session.destroyed) return;
  connection.awaitsPong = connection.session.ping((error) => {
    if (error === null) connection.awaitsPong = false;
  });
}

/** A whole response; a request body that is still coming is refused. */
function answerStream(
  stream: ServerHttp2Stream,
  method: string,
  answer: HttpAnswer,
  guard: Http2Guard,
): void {
  stream.on('error', () => undefined);
  if (stream.destroyed) return;
  const endStream = answer.body === '' || method === 'HEAD';
  stream.respond({ ':status': answer.status, ...answer.headers }, { endStream });
  guard.answering(stream);
  const finish = (): void => stream.close(constants.NGHTTP2_NO_ERROR);
  if (endStream) finish();
  else stream.end(answer.body, finish);
}
