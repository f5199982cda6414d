/**
 * Hands out pieces of large blocks, so that many small byte strings cost no allocation each. A piece is never handed out
 * again unless it is given back: a view of it stays valid for as long as anybody holds it, and a block is freed with its
 * last view.
 *
 * One arena may serve any number of users in one thread; sharing keeps the cost of an idle user at nothing.
 */
export class ByteArena {
  readonly #blockSize: number;
  #block: Uint8Array = new Uint8Array(0);
  #used = 0;

  /** @param blockSize bytes, at least as many as one piece may have @default 65536 */
  constructor(blockSize = 65_536) {
    this.#blockSize = blockSize;
  }

  /** The block with `length` free bytes from `offset` on. They are taken only by `take`. */
  reserve(length: number): Uint8Array {
    if (length > this.#blockSize) throw new RangeError('a piece is larger than a block of the arena');
    if (this.#used + length > this.#block.length) {
      this.#block = new Uint8Array(this.#blockSize);
      this.#used = 0;
    }
    return this.#block;
  }

  /** Where the free bytes of the reserved block begin. */
  get offset(): number {
    return this.#used;
  }

  /** Takes `length` bytes from the reserved block and returns a view of them. */
  take(length: number): Uint8Array {
    const start = this.#used;
    this.#used = start + length;
    return this.#block.subarray(start, start + length);
  }

  /** The piece that was taken last is free again, if it is that: nobody may hold a view of it. */
  giveBack(piece: Uint8Array): void {
    const end = piece.byteOffset - this.#block.byteOffset + piece.length;
    if (piece.buffer === this.#block.buffer && end === this.#used) this.#used -= piece.length;
  }
}
