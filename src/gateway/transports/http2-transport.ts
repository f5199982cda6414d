import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Clock } from '../../ports/ports.ts';
import { askByPing } from './http2-ping.ts';
import type { Transport, TransportHandler } from './transport.ts';

/** Time for a peer to take the last bytes and to end its direction after we have ended ours, in milliseconds. */
const LINGER_MS = 10_000;

/** An HTTP/2 request whose response head is sent: the request body upstream, the response body downstream. */
export class Http2Transport implements Transport {
  readonly framing = 'stream';
  readonly #stream: ServerHttp2Stream;
  readonly #clock: Clock;
  #handler: TransportHandler | undefined;
  #ending = false;

  constructor(stream: ServerHttp2Stream, clock: Clock) {
    this.#stream = stream;
    this.#clock = clock;
  }

  attach(handler: TransportHandler): void {
    const first = this.#handler === undefined;
    this.#handler = handler;
    if (!first) return;
    const stream = this.#stream;
    stream.on('data', (chunk: Uint8Array) => {
      if (!this.#ending) this.#handler?.onData(chunk);
    });
    stream.on('end', () => {
      // A reset or a lost connection ends the readable side, too; that is no END_STREAM, and 'close' follows.
      if (!this.#ending && !stream.closed && !stream.destroyed) this.#handler?.onEnd();
    });
    stream.on('close', () => this.#handler?.onClosed());
    // 'close' follows and says all that a session has to know.
    stream.on('error', () => undefined);
  }

  write(chunks: readonly Uint8Array[], taken: () => void): void {
    const stream = this.#stream;
    if (this.#ending || stream.destroyed) return;
    const last = chunks.length - 1;
    if (last > 0) stream.cork();
    for (let i = 0; i <= last; i += 1) {
      const chunk = chunks[i];
      if (chunk === undefined) continue;
      if (i < last) stream.write(chunk);
      else stream.write(chunk, (error) => (error == null ? taken() : undefined));
    }
    if (last > 0) stream.uncork();
  }

  keepalive(): boolean {
    return false;
  }

  confirm(done: (received: boolean) => void): void {
    const { session } = this.#stream;
    if (session === undefined) done(false);
    else askByPing(session, done);
  }

  end(): void {
    const stream = this.#stream;
    if (this.#ending || stream.destroyed) return;
    this.#ending = true;
    stream.end();
    stream.resume();
    // NO_ERROR behind a complete response asks the peer to stop its request (RFC 9113, 8.1); it is not a failure.
    const cancel = this.#clock.after(LINGER_MS, () => {
      stream.close(stream.writableFinished ? constants.NGHTTP2_NO_ERROR : constants.NGHTTP2_CANCEL);
    });
    stream.once('close', cancel);
  }

  reset(): void {
    this.#ending = true;
    if (!this.#stream.destroyed) this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }
}
