import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../ports/ports.ts';
import type { Transport, TransportHandler } from './transport.ts';

/** Time for a peer to take the last bytes and to end its direction after we have ended ours, in milliseconds. */
const LINGER_MS = 10_000;

/** An HTTP/1.1 request with a chunked body; the response is delimited by the end of the connection. PROTOCOL.md 2.4. */
export class Http1Transport implements Transport {
  readonly framing = 'stream';
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #clock: Clock;
  #handler: TransportHandler | undefined;
  #ending = false;

  constructor(request: IncomingMessage, response: ServerResponse, clock: Clock) {
    this.#request = request;
    this.#response = response;
    this.#clock = clock;
  }

  attach(handler: TransportHandler): void {
    const first = this.#handler === undefined;
    this.#handler = handler;
    if (!first) return;
    this.#request.on('data', (chunk: Uint8Array) => {
      if (!this.#ending) this.#handler?.onData(chunk);
    });
    this.#request.on('end', () => {
      if (!this.#ending) this.#handler?.onEnd();
    });
    // A request that breaks off also closes the response; this only keeps the error from being unhandled.
    this.#request.on('error', () => this.#response.destroy());
    this.#response.on('error', () => this.#response.destroy());
    this.#response.on('close', () => this.#handler?.onClosed());
  }

  write(chunks: readonly Uint8Array[], taken: () => void): void {
    if (this.#ending || this.#response.destroyed) return;
    const last = chunks.length - 1;
    this.#response.cork();
    for (const [index, chunk] of chunks.entries()) {
      if (index < last) this.#response.write(chunk);
      else this.#response.write(chunk, (error) => (error == null ? taken() : undefined));
    }
    this.#response.uncork();
  }

  keepalive(): boolean {
    return false;
  }

  confirm(done: (received: boolean) => void): void {
    done(!this.#response.destroyed);
  }

  /**
   * A connection that is closed while the peer still sends is reset, and takes with it what the peer has not read yet. So our
   * direction ends first, and the connection when the peer has ended its own.
   */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    const { socket } = this.#request;
    if (this.#request.complete || socket.destroyed) {
      this.#response.end();
      return;
    }
    const close = (): void => void socket.destroy();
    socket.end();
    this.#request.once('end', () => socket.destroySoon());
    socket.once('end', close);
    socket.once('close', this.#clock.after(LINGER_MS, close));
    this.#request.resume();
  }

  reset(): void {
    this.#ending = true;
    this.#request.destroy();
  }

  pause(): void {
    this.#request.pause();
  }

  resume(): void {
    this.#request.resume();
  }
}
