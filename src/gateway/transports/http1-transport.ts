import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Transport, TransportHandler } from './transport.ts';

/** An HTTP/1.1 request with a chunked body; the response is delimited by the end of the connection. PROTOCOL.md 2.4. */
export class Http1Transport implements Transport {
  readonly framing = 'stream';
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  #handler: TransportHandler | undefined;
  #ending = false;

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.#request = request;
    this.#response = response;
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
    done(true);
  }

  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#response.end();
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
