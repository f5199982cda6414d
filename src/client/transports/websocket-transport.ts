import type { Clock } from '../../ports/ports.ts';
import { ClientError } from '../values/client-error.ts';
import { Queue } from '../values/queue.ts';
import type { Silence, Transport, TransportConnection, TransportReceiver } from './transport.ts';

/** What is used of a WebSocket: the browser's own, that of Node 22 and later, and the class of the package `ws` fit. */
export interface WebSocketLike {
  binaryType: string;
  readonly bufferedAmount: number;
  send(bytes: Uint8Array): void;
  close(): void;
  /** Drops the connection without a farewell, where the implementation can. */
  terminate?(): void;
  addEventListener(type: 'open' | 'error', listener: (event: unknown) => void): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(
    type: 'close',
    listener: (event: { readonly code: number; readonly reason: string }) => void,
  ): void;
}

/** Options of `WebSocketTransport`. */
export interface WebSocketTransportOptions {
  /** `https` or `wss` URL of `/connect`. @default path `/connect` when the URL has none */
  readonly url: string | URL;
  /** Milliseconds without a byte from the server after which the client asks whether it is there; 0 never. @default 30000 */
  readonly heartbeatMs?: number;
  /** Milliseconds in which something must arrive then. @default 10000 */
  readonly heartbeatTimeoutMs?: number;
  /** Bytes that may arrive while the application takes nothing, before the connection is given up. @default 16777216 */
  readonly maxHeldBytes?: number;
  /** Opens the WebSocket, for platforms without the global class. @default `new WebSocket(url)` */
  readonly createWebSocket?: (url: string) => WebSocketLike;
}

const HEARTBEAT_MS = 30_000;
const HEARTBEAT_TIMEOUT_MS = 10_000;
const MAX_HELD_BYTES = 16_777_216;
const CONNECT_PATH = '/connect';
/** Close codes of an orderly end: with code 1000, and without any (RFC 6455, 7.4.1). */
const ORDERLY = new Set([1000, 1005]);

/**
 * `GET /connect` with an upgrade to WebSocket (PROTOCOL.md 2.7), no subprotocol. Each write is one binary message. A page
 * cannot send pings, so the client asks a question of the protocol when the server has been silent: `silence`.
 */
export class WebSocketTransport implements Transport {
  readonly silence: Silence | undefined;
  readonly #url: string;
  readonly #create: (url: string) => WebSocketLike;
  readonly #maxHeldBytes: number;
  readonly #clock: Clock;

  /** @throws ClientError code `CLIENT_OPTIONS` */
  constructor(options: WebSocketTransportOptions, clock: Clock) {
    const { heartbeatMs = HEARTBEAT_MS, heartbeatTimeoutMs = HEARTBEAT_TIMEOUT_MS } = options;
    this.#url = socketUrl(options.url);
    this.#create = options.createWebSocket ?? globalSocket;
    this.#maxHeldBytes = options.maxHeldBytes ?? MAX_HELD_BYTES;
    this.#clock = clock;
    this.silence = heartbeatMs > 0 ? { afterMs: heartbeatMs, timeoutMs: heartbeatTimeoutMs } : undefined;
  }

  async open(
    receiver: TransportReceiver,
    signal: AbortSignal,
    ticket?: string,
  ): Promise<TransportConnection> {
    if (signal.aborted) throw new ClientError('CLIENT_ABORTED', 'connecting was aborted');
    const socket = this.#create(withTicket(this.#url, ticket));
    socket.binaryType = 'arraybuffer';
    const connection = new WebSocketConnection(socket, receiver, this.#clock, this.#maxHeldBytes);
    const abandon = (): void =>
      connection.refuse(new ClientError('CLIENT_ABORTED', 'connecting was aborted'));
    signal.addEventListener('abort', abandon, { once: true });
    try {
      await connection.opened;
    } finally {
      signal.removeEventListener('abort', abandon);
    }
    return connection;
  }
}

class WebSocketConnection implements TransportConnection {
  readonly opened: Promise<void>;
  readonly #socket: WebSocketLike;
  readonly #receiver: TransportReceiver;
  readonly #clock: Clock;
  readonly #maxHeldBytes: number;
  #settle: { resolve(): void; reject(error: ClientError): void } | undefined;
  #state: 'opening' | 'open' | 'ending' | 'closed' = 'opening';
  #paused = false;
  /** What has arrived and was not handed over: a page cannot keep its browser from reading. */
  #held = new Queue<Uint8Array>();
  #heldBytes = 0;
  /** The peer has ended behind what is held. */
  #end: { readonly error: Error | undefined } | undefined;

  constructor(socket: WebSocketLike, receiver: TransportReceiver, clock: Clock, maxHeldBytes: number) {
    this.#socket = socket;
    this.#receiver = receiver;
    this.#clock = clock;
    this.#maxHeldBytes = maxHeldBytes;
    this.opened = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    socket.addEventListener('open', () => this.#open());
    socket.addEventListener('message', ({ data }) => this.#message(data));
    // A browser says in its console why a connection failed, and nothing to the page; `close` follows.
    socket.addEventListener('error', () => undefined);
    socket.addEventListener('close', ({ code, reason }) => this.#close(code, reason));
  }

  get backlog(): number {
    return this.#socket.bufferedAmount;
  }

  write(bytes: Uint8Array): void {
    if (this.#state === 'open') this.#socket.send(bytes);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    // Never within the caller: it may be in the middle of the chunk before.
    this.#clock.soon(() => this.#handOver());
  }

  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#held = new Queue();
    this.#paused = false;
    this.#socket.close();
  }

  destroy(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#held = new Queue();
    if (this.#socket.terminate === undefined) this.#socket.close();
    else this.#socket.terminate();
  }

  /** Gives up a connection that is not open yet. */
  refuse(error: ClientError): void {
    if (this.#state !== 'opening') return;
    this.destroy();
    this.#settle?.reject(error);
  }

  #open(): void {
    if (this.#state !== 'opening') return;
    this.#state = 'open';
    this.#settle?.resolve();
  }

  #message(data: unknown): void {
    if (this.#state !== 'open') return;
    if (!(data instanceof ArrayBuffer)) {
      this.#fail(new ClientError('CLIENT_PROTOCOL', 'the server sent a text message'));
      return;
    }
    this.#held.push(new Uint8Array(data));
    this.#heldBytes += data.byteLength;
    this.#handOver();
    if (this.#heldBytes > this.#maxHeldBytes) {
      const text = `${this.#heldBytes} bytes arrived while the application took nothing`;
      this.#fail(new ClientError('CLIENT_DISCONNECTED', text));
    }
  }

  #handOver(): void {
    while (!this.#paused && this.#state === 'open') {
      const bytes = this.#held.shift();
      if (bytes === undefined) break;
      this.#heldBytes -= bytes.length;
      this.#receiver.chunk(bytes);
    }
    if (this.#held.length === 0 && this.#end !== undefined) this.#finish(this.#end.error);
  }

  #close(code: number, reason: string): void {
    const text = `WebSocket closed with code ${code}${reason === '' ? '' : `: ${reason}`}`;
    this.refuse(new ClientError('CLIENT_TRANSPORT', `cannot connect: ${text}`));
    if (this.#state === 'closed') return;
    this.#end = { error: ORDERLY.has(code) ? undefined : new Error(text) };
    if (this.#held.length === 0) this.#finish(this.#end.error);
  }

  #fail(error: ClientError): void {
    if (this.#state === 'closed') return;
    this.destroy();
    this.#receiver.closed(error);
  }

  #finish(error: Error | undefined): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#receiver.closed(error);
  }
}

function socketUrl(from: string | URL): string {
  let url: URL;
  try {
    url = new URL(from);
  } catch (cause) {
    throw new ClientError('CLIENT_OPTIONS', 'url is not a URL', { cause });
  }
  if (url.protocol === 'https:') url.protocol = 'wss:';
  if (url.protocol !== 'wss:') {
    throw new ClientError('CLIENT_OPTIONS', 'url must start with https:// or wss://');
  }
  if (url.pathname === '/') url.pathname = CONNECT_PATH;
  url.hash = '';
  return url.href;
}

/** A page cannot set headers of a WebSocket's request. */
function withTicket(address: string, ticket: string | undefined): string {
  if (ticket === undefined) return address;
  const url = new URL(address);
  url.searchParams.set('ticket', ticket);
  return url.href;
}

function globalSocket(url: string): WebSocketLike {
  const { WebSocket: Socket } = globalThis as { WebSocket?: new (url: string) => WebSocketLike };
  if (Socket === undefined) {
    throw new ClientError('CLIENT_OPTIONS', 'there is no WebSocket here: give createWebSocket');
  }
  return new Socket(url);
}
