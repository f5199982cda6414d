import tls from 'node:tls';

export interface TlsAddress {
  readonly port: number;
  readonly ca: Buffer;
}

/** A TLS connection whose bytes a test writes and reads itself. */
export class RawTls {
  readonly socket: tls.TLSSocket;
  #received: Buffer = Buffer.alloc(0);
  #ended = false;
  #wake: (() => void) | undefined;

  constructor({ port, ca }: TlsAddress, protocol: 'h2' | 'http/1.1' = 'http/1.1') {
    this.socket = tls.connect({
      host: '127.0.0.1',
      servername: 'localhost',
      port,
      ca,
      ALPNProtocols: [protocol],
    });
    this.socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake?.();
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.#ended = true;
      this.#wake?.();
    });
    this.socket.on('end', () => {
      this.#ended = true;
      this.#wake?.();
    });
  }

  /** The server has ended the connection. */
  get ended(): boolean {
    return this.#ended;
  }

  write(bytes: string | Uint8Array): this {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    return this;
  }

  /** Takes what `take` returns from what has arrived, as soon as it is not undefined. Undefined at the end. */
  async take<T>(
    take: (received: Buffer) => { readonly value: T; readonly bytes: number } | undefined,
  ): Promise<T | undefined> {
    for (;;) {
      const taken = take(this.#received);
      if (taken !== undefined) {
        this.#received = this.#received.subarray(taken.bytes);
        return taken.value;
      }
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The head of an HTTP/1.1 response: status and fields, names in lower case. */
  async head(): Promise<{ readonly status: number; readonly fields: ReadonlyMap<string, string> }> {
    const text = await this.take((received) => {
      const end = received.indexOf('\r\n\r\n');
      if (end < 0) return undefined;
      return { value: received.toString('latin1', 0, end), bytes: end + 4 };
    });
    if (text === undefined) throw new Error('no response');
    const [start = '', ...lines] = text.split('\r\n');
    const fields = lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    });
    return { status: Number(start.split(' ')[1]), fields: new Map(fields) };
  }

  /** Everything up to the end. */
  async rest(): Promise<Buffer> {
    const all = await this.take((received) =>
      this.#ended ? { value: received, bytes: received.length } : undefined,
    );
    return all ?? Buffer.alloc(0);
  }

  close(): void {
    this.socket.destroy();
  }
}
