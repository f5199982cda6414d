/** Joins what is written within a turn of the event loop into one write. */
export class TurnWriter {
  readonly #write: (bytes: Uint8Array) => void;
  #parts: Uint8Array[] = [];

  constructor(write: (bytes: Uint8Array) => void) {
    this.#write = write;
  }

  push(head: Uint8Array, body?: Uint8Array): void {
    if (this.#parts.length === 0) setImmediate(this.flush);
    this.#parts.push(head);
    if (body !== undefined && body.length > 0) this.#parts.push(body);
  }

  /** What waits leaves now. */
  readonly flush = (): void => {
    const parts = this.#parts;
    if (parts.length === 0) return;
    this.#parts = [];
    this.#write(Buffer.concat(parts));
  };
}
