import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { type CountedLimit, LIMIT_TABLE } from '../limits/index.ts';
import type { CancelTimer, Clock } from '../protocol/ports.ts';
import { EventWindow } from './event-window.ts';

const WINDOW_MS = 10_000;

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

/**
 * Watches one HTTP/2 connection for what Node.js lets through: one that says nothing or has nothing to say, answers that
 * nobody takes, and floods of streams, resets, PING and SETTINGS that are valid one by one. Node.js itself ends
 * connections with too many invalid frames, empty DATA frames or CONTINUATION frames, and bounds what waits to be
 * answered.
 */
export class Http2Guard {
  readonly #session: ServerHttp2Session;
  readonly #parts: Http2GuardParts;
  readonly #opened: EventWindow;
  readonly #resets: EventWindow;
  #streams = 0;
  #cancelIdle: CancelTimer;
  #ended = false;

  constructor(session: ServerHttp2Session, parts: Http2GuardParts) {
    const { clock, limits } = parts;
    this.#session = session;
    this.#parts = parts;
    this.#opened = new EventWindow(clock, limits.http2Streams, WINDOW_MS);
    this.#resets = new EventWindow(clock, limits.http2Resets, WINDOW_MS);
    this.#watch('ping', 'http2Pings');
    this.#watch('remoteSettings', 'http2Settings');
    this.#cancelIdle = clock.after(limits.firstRequestMs, () => this.#end('firstRequestMs'));
    session.once('close', () => this.#cancelIdle());
  }

  /** Counts a stream. False when it is over already, or the connection is: there is nobody to answer. */
  open(stream: ServerHttp2Stream): boolean {
    if (this.#opened.add()) this.#end('http2Streams');
    if (this.#ended || stream.destroyed || stream.closed) {
      stream.on('error', () => undefined);
      this.#countReset(stream);
      return false;
    }
    this.#cancelIdle();
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

  #closed(stream: ServerHttp2Stream): void {
    this.#streams -= 1;
    this.#countReset(stream);
    if (this.#streams > 0 || this.#ended || this.#session.destroyed) return;
    const { clock, limits } = this.#parts;
    this.#cancelIdle = clock.after(limits.connectionIdleMs, () => this.#endIdle());
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
    if (!this.#session.destroyed) this.#session.close();
  }

  #end(limit: CountedLimit): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelIdle();
    this.#parts.reached(limit);
    if (!this.#session.destroyed) this.#session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }
}
