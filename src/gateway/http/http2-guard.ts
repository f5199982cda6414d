import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { type CountedLimit, LIMIT_TABLE } from '../../limits/index.ts';
import type { CancelTimer, Clock } from '../../ports/ports.ts';
import { EventWindow, WINDOW_MS } from '../admission/event-window.ts';
import type { SharedStream, SharedStreams } from '../admission/shared-streams.ts';

/** How often the bytes of all connections are looked at. */
const REVIEW_MS = 5_000;
/** How many bytes of frames may come with each byte of data. */
const OVERHEAD_PER_DATA = 4;
/**
 * The same for the connection of a proxy, whose requests are those of many clients. Each DATA frame of ours brings a
 * WINDOW_UPDATE or two, which are never longer than twice the frame.
 */
const PROXY_OVERHEAD = 32;
const OVERHEAD_PER_WRITTEN = 2;
/** Time for a connection to end by itself once it was told to. */
const FAREWELL_MS = 1_000;

export interface Http2GuardParts {
  readonly clock: Clock;
  readonly limits: {
    readonly http2Streams: number;
    readonly http2Resets: number;
    readonly firstRequestMs: number;
    readonly connectionIdleMs: number;
    readonly responseMs: number;
  };
  readonly reached: (limit: CountedLimit) => void;
  /** What clients do behind proxies that share connections among them. */
  readonly shared: SharedStreams;
}

/** The guards of all HTTP/2 connections. */
export class Http2Guards {
  readonly #parts: Http2GuardParts;
  readonly #guards = new Set<Http2Guard>();
  #cancel: CancelTimer;

  constructor(parts: Http2GuardParts) {
    this.#parts = parts;
    this.#cancel = parts.clock.after(REVIEW_MS, () => this.#review());
  }

  /** @param isShared whether its peer is a proxy that names the client of each request */
  guard(session: ServerHttp2Session, isShared: boolean): Http2Guard {
    const guard = new Http2Guard(session, this.#parts, isShared);
    this.#guards.add(guard);
    session.once('close', () => this.#guards.delete(guard));
    return guard;
  }

  stop(): void {
    this.#cancel();
  }

  #review(): void {
    for (const guard of this.#guards) guard.review();
    this.#parts.shared.review();
    this.#cancel = this.#parts.clock.after(REVIEW_MS, () => this.#review());
  }
}

/**
 * Watches one HTTP/2 connection for what Node.js lets through: one that says nothing or has nothing to say, answers that
 * nobody takes, and floods of streams, resets, PING, SETTINGS and other frames that are valid one by one. Node.js itself
 * ends connections with too many invalid frames, empty DATA frames or CONTINUATION frames, and bounds what waits to be
 * answered.
 *
 * On a connection that a proxy shares among clients, streams and resets are counted by client (`SharedStreams`): too many
 * cost that client its next streams. What only the proxy itself can send is counted here, and ends the connection.
 */
export class Http2Guard {
  readonly #session: ServerHttp2Session;
  readonly #parts: Http2GuardParts;
  readonly #isShared: boolean;
  readonly #opened: EventWindow;
  readonly #resets: EventWindow;
  #streams = 0;
  /** Bytes of all frames, and of these, bytes of data, when they were last looked at; and what was written by then. */
  #seenBytes = 0;
  #data = 0;
  #writtenBytes = 0;
  #cancelTimer: CancelTimer;
  #ended = false;

  constructor(session: ServerHttp2Session, parts: Http2GuardParts, isShared: boolean) {
    const { clock, limits } = parts;
    this.#session = session;
    this.#parts = parts;
    this.#isShared = isShared;
    this.#opened = new EventWindow(clock, limits.http2Streams, WINDOW_MS);
    this.#resets = new EventWindow(clock, limits.http2Resets, WINDOW_MS);
    this.#watch('ping', 'http2Pings');
    this.#watch('remoteSettings', 'http2Settings');
    this.#cancelTimer = clock.after(limits.firstRequestMs, () => this.#end('firstRequestMs'));
    session.once('close', () => this.#cancelTimer());
  }

  /**
   * Counts a stream. False when it is over already, was refused, or the connection is over: there is nobody to answer.
   *
   * @param address of its client
   */
  open(stream: ServerHttp2Stream, address: string): boolean {
    const client = this.#isShared ? this.#parts.shared.open(address) : undefined;
    const isRefused = this.#isShared ? client === undefined : this.#opened.add();
    if (isRefused && !this.#isShared) this.#end('http2Streams');
    if (isRefused || this.#ended || stream.destroyed || stream.closed) {
      stream.on('error', () => undefined);
      this.#countReset(stream, client);
      if (!stream.destroyed) stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      return false;
    }
    this.#cancelTimer();
    this.#streams += 1;
    stream.once('close', () => this.#closed(stream, client));
    return true;
  }

  /** An answer that is no session must be taken within its time. */
  answering(stream: ServerHttp2Stream): void {
    const { clock, limits, reached } = this.#parts;
    const cancel = clock.after(limits.responseMs, () => {
      reached('responseMs');
      stream.close(constants.NGHTTP2_CANCEL);
    });
    stream.once('close', cancel);
  }

  /** The stream is a session, which is about to be read: its data are no overhead. */
  reading(stream: ServerHttp2Stream): void {
    stream.on('data', (chunk: Uint8Array) => {
      this.#data += chunk.length;
    });
  }

  /** Compares what has come since the last time with the data in it. */
  review(): void {
    if (this.#session.destroyed) return;
    const bytes = this.#session.socket.bytesRead;
    const overhead = bytes - this.#seenBytes - this.#data;
    if (overhead > this.#allowedOverhead()) this.#end('http2Overhead');
    this.#seenBytes = bytes;
    this.#data = 0;
  }

  #allowedOverhead(): number {
    const fixed = LIMIT_TABLE.http2Overhead.value;
    if (!this.#isShared) return fixed + OVERHEAD_PER_DATA * this.#data;
    const { bytesWritten } = this.#session.socket;
    const written = bytesWritten - this.#writtenBytes;
    this.#writtenBytes = bytesWritten;
    return PROXY_OVERHEAD * fixed + OVERHEAD_PER_DATA * this.#data + OVERHEAD_PER_WRITTEN * written;
  }

  #closed(stream: ServerHttp2Stream, client: SharedStream | undefined): void {
    this.#streams -= 1;
    this.#countReset(stream, client);
    if (this.#streams > 0 || this.#ended || this.#session.destroyed) return;
    const { clock, limits } = this.#parts;
    this.#cancelTimer = clock.after(limits.connectionIdleMs, () => this.#endIdle());
  }

  #countReset(stream: ServerHttp2Stream, client: SharedStream | undefined): void {
    const reset = stream.rstCode !== constants.NGHTTP2_NO_ERROR;
    if (this.#isShared) client?.ended(reset);
    else if (reset && this.#resets.add()) this.#end('http2Resets');
  }

  #watch(event: 'ping' | 'remoteSettings', limit: 'http2Pings' | 'http2Settings'): void {
    const window = new EventWindow(this.#parts.clock, LIMIT_TABLE[limit].value, WINDOW_MS);
    this.#session.on(event, () => {
      if (window.add()) this.#end(limit);
    });
  }

  #endIdle(): void {
    this.#parts.reached('connectionIdleMs');
    if (this.#session.destroyed) return;
    this.#session.close();
    this.#cancelTimer = this.#parts.clock.after(FAREWELL_MS, () => this.#session.destroy());
  }

  #end(limit: CountedLimit): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelTimer();
    this.#parts.reached(limit);
    if (!this.#session.destroyed) this.#session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }
}
