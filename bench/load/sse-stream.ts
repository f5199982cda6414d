import type { ByteStream } from './byte-stream.ts';

const LINE_END = 0x0a;
const DATA = 'data: ';

/** Reads the records out of the events of a response; what goes upstream stays as it is. PROTOCOL.md 2.5. */
export class SseStream implements ByteStream {
  readonly #stream: ByteStream;
  #partial: Uint8Array = Buffer.alloc(0);
  onData: (chunk: Uint8Array) => void = () => undefined;

  constructor(stream: ByteStream) {
    this.#stream = stream;
    stream.onData = (chunk) => this.#read(chunk);
  }

  get onLost(): (error: Error) => void {
    return this.#stream.onLost;
  }

  set onLost(listener: (error: Error) => void) {
    this.#stream.onLost = listener;
  }

  write(unit: Uint8Array): void {
    this.#stream.write(unit);
  }

  close(): Promise<void> {
    return this.#stream.close();
  }

  destroy(): void {
    this.#stream.destroy();
  }

  #read(chunk: Uint8Array): void {
    const bytes = this.#partial.length === 0 ? chunk : Buffer.concat([this.#partial, chunk]);
    let begin = 0;
    for (let end = bytes.indexOf(LINE_END); end >= 0; end = bytes.indexOf(LINE_END, begin)) {
      const line = Buffer.from(bytes.buffer, bytes.byteOffset + begin, end - begin).toString('latin1');
      begin = end + 1;
      if (line.startsWith(DATA)) this.onData(Buffer.from(line.slice(DATA.length), 'base64'));
    }
    this.#partial = bytes.subarray(begin);
  }
}
