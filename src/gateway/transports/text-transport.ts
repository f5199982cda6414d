import type { TextMode } from './text-mode.ts';
import type { FrameLabel, Transport, TransportHandler } from './transport.ts';

/** SSE and NDJSON: text downstream, bytes upstream, over the transport of either version of HTTP. PROTOCOL.md 2.5, 2.6. */
export class TextTransport implements Transport {
  readonly framing = 'labelled';
  readonly #under: Transport;
  readonly #mode: TextMode;

  constructor(under: Transport, mode: TextMode) {
    this.#under = under;
    this.#mode = mode;
    if (mode.opening !== '') this.#say(mode.opening, () => undefined);
  }

  attach(handler: TransportHandler): void {
    this.#under.attach(handler);
  }

  write(chunks: readonly Uint8Array[], taken: () => void, labels: readonly FrameLabel[]): void {
    let text = '';
    for (const [index, chunk] of chunks.entries()) {
      const label = labels[index];
      if (label === undefined) throw new Error('a chunk without its label');
      text += this.#mode.entry(label, base64(chunk));
    }
    this.#say(text, taken);
  }

  keepalive(taken: () => void): boolean {
    this.#say(this.#mode.keepalive, taken);
    return true;
  }

  confirm(done: (received: boolean) => void): void {
    this.#under.confirm(done);
  }

  end(reason: string): void {
    this.#under.end(reason);
  }

  reset(): void {
    this.#under.reset();
  }

  pause(): void {
    this.#under.pause();
  }

  resume(): void {
    this.#under.resume();
  }

  #say(text: string, taken: () => void): void {
    this.#under.write([Buffer.from(text, 'latin1')], taken, []);
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
