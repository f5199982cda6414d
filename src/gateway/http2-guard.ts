import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { type CountedLimit, LIMIT_TABLE } from '../limits/index.ts';
import type { Clock } from '../protocol/ports.ts';
import { EventWindow } from './event-window.ts';

const WINDOW_MS = 10_000;

export interface Http2GuardParts {
  readonly clock: Clock;
  readonly limits: { readonly http2Streams: number; readonly http2Resets: number };
  readonly reached: (limit: CountedLimit) => void;
}

/**
 * Watches one HTTP/2 connection for what Node.js lets through: floods of streams, resets, PING and SETTINGS that are valid
 * one by one. Node.js itself ends connections with too many invalid frames, empty DATA frames or CONTINUATION frames,
 * and bounds what waits to be answered.
 */
export class Http2Guard {
  readonly #session: ServerHttp2Session;
  readonly #reached: (limit: CountedLimit) => void;
  readonly #streams: EventWindow;
  readonly #resets: EventWindow;
  #ended = false;

  constructor(session: ServerHttp2Session, { clock, limits, reached }: Http2GuardParts) {
    this.#session = session;
    this.#reached = reached;
    this.#streams = new EventWindow(clock, limits.http2Streams, WINDOW_MS);
    this.#resets = new EventWindow(clock, limits.http2Resets, WINDOW_MS);
    this.#watch('ping', 'http2Pings', clock);
    this.#watch('remoteSettings', 'http2Settings', clock);
  }

  /** Counts a stream. False when it is over already, or the connection is: there is nobody to answer. */
  opened(stream: ServerHttp2Stream): boolean {
    if (this.#streams.add()) this.#end('http2Streams');
    if (stream.destroyed || stream.closed) {
      stream.on('error', () => undefined);
      this.#closed(stream);
      return false;
    }
    stream.once('close', () => this.#closed(stream));
    return !this.#ended;
  }

  #closed(stream: ServerHttp2Stream): void {
    if (stream.rstCode !== constants.NGHTTP2_NO_ERROR && this.#resets.add()) this.#end('http2Resets');
  }

  #watch(event: 'ping' | 'remoteSettings', limit: 'http2Pings' | 'http2Settings', clock: Clock): void {
    const window = new EventWindow(clock, LIMIT_TABLE[limit].value, WINDOW_MS);
    this.#session.on(event, () => {
      if (window.add()) this.#end(limit);
    });
  }

  #end(limit: CountedLimit): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#reached(limit);
    if (!this.#session.destroyed) {
      this.#session.on('error', () => undefined);
      this.#session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    }
  }
}
