import { serialAfter, serialDistance, serialNext } from '../../protocol/serial.ts';

/** Numbers that one write to the store reserves. */
const BLOCK = 4096;

/**
 * The device's upstream sequence: strictly increasing modulo 2^32 over all its connections and restarts (PROTOCOL.md
 * 11.3), never 0. Before numbers of a block are used the block is reserved in the store; a restart leaves a gap.
 */
export class UpstreamSequence {
  #last: number;
  #reserved: number;
  readonly #reserve: (through: number) => void;

  /** @param stored DeviceState.sequence @param reserve keeps a new value of it */
  constructor(stored: number, reserve: (through: number) => void) {
    this.#last = stored;
    this.#reserved = stored;
    this.#reserve = reserve;
  }

  /** The next number. */
  next(): number {
    // 0 is what a server without any frame of this device answers.
    this.#last = serialNext(this.#last) || 1;
    this.#reserveAhead();
    return this.#last;
  }

  /** The server has a frame with this number: later ones must be higher. */
  passed(number: number): void {
    if (number !== 0 && serialAfter(number, this.#last)) {
      this.#last = number;
      this.#reserveAhead();
    }
  }

  /** Reserves so early that the store has the time of half a block. */
  #reserveAhead(): void {
    const left = serialAfter(this.#last, this.#reserved) ? 0 : serialDistance(this.#last, this.#reserved);
    if (left >= BLOCK / 2) return;
    this.#reserved = (this.#last + BLOCK) >>> 0;
    this.#reserve(this.#reserved);
  }
}
