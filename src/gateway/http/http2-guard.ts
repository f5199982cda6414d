import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { type CountedLimit, LIMIT_TABLE } from '../../limits/index.ts';
import type { CancelTimer, Clock } from '../../ports/ports.ts';
import { EventWindow } from './event-window.ts';

const WINDOW_MS = 10_000;
/** How often the bytes of all connections are looked at. */
const REVIEW_MS = 5_000;
/** How many bytes of frames may come with each byte of data. */
const OVERHEAD_PER_DATA = 4;
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

  guard(session: ServerHttp2Session): Http2Guard {
    const guard = new Http2Guard(session, this.#parts);
    this.#guards.add(guard);
    session.once('close', () => this.#guards.delete(guard));
    return guard;
  }

  stop(): void {
    this.#cancel();
  }

  #review(): void {
    for (const guard of this.#guards) guard.review();
    this.#cancel = this.#parts.clock.after(REVIEW_MS, () => this.#review());
  }
}

/**
 * Watches one HTTP/2 connection for what Node.js lets through: one that says nothing or has nothing to say, answers that
 * nobody takes, and floods of streams, resets, PING, SETTINGS and other frames that are valid one by one. Node.js itself
 * ends connections with too many invalid frames, empty DATA frames or CONTINUATION frames, and bounds what waits to be
 * answered.
 */
export class Http2Guard {
  readonly #session: ServerHttp2Session;
  readonly #parts: Http2GuardParts;
  readonly #opened: EventWindow;
  readonly #resets: EventWindow;
  #streams = 0;
  /** Bytes of all frames, and of these, bytes of data, when they were last looked at. */
  #seenBytes = 0;
  #data = 0;
  #cancelTimer: CancelTimer;
  #ended = false;

  constructor(session: ServerHttp2Session, parts: Http2GuardParts) {
    const { clock, limits } = parts;
    this.#session = session;
    this.#parts = parts;
    this.#opened = new EventWindow(clock, limits.http2Streams, WINDOW_MS);
    this.#resets = new EventWindow(clock, limits.http2Resets, WINDOW_MS);
    this.#watch('ping', 'http2Pings');
    this.#watch('remoteSettings', 'http2Settings');
    this.#cancelTimer = clock.after(limits.firstRequestMs, () => this.#end('firstRequestMs'));
    session.once('close', () => this.#cancelTimer());
  }

  /** Counts a stream. False when it is over already, or the connection is: there is nobody to answer. */
  open(stream: ServerHttp2Stream): boolean {
    if (this.#opened.add()) this.#end('http2Streams');
    if (this.#ended || stream.destroyed || stream.closed) {
      stream.on('error', () => undefined);
      this.#countReset(stream);
      return false;
    }
    this.#cancelTimer();
    this.#streams += 1;
    stream.once('close', () => this.#closed(stream));
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
    if (overhead > LIMIT_TABLE.http2Overhead.value + OVERHEAD_PER_DATA * this.#data) {
      this.#end('http2Overhead');
    }
    this.#seenBytes = bytes;
    this.#data = 0;
  }

  #closed(stream: ServerHttp2Stream): void {
    this.#streams -= 1;
    this.#countReset(stream);
    if (this.#streams > 0 || this.#ended || this.#session.destroyed) return;
    const { clock, limits } = this.#parts;
    this.#cancelTimer = clock.after(limits.connectionIdleMs, () => this.#endIdle());
  }

  #countReset(stream: ServerHttp2Stream): void {
    if (stream.rstCode !== constants.NGHTTP2_NO_ERROR && this.#resets.add()) this.#end('http2Resets');
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
