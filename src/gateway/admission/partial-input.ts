/** Whoever keeps the beginning of something that a peer has not finished. */
export interface PartialHolder {
  /** The process has no room for what it keeps: it gives it up, and `keep(holder, 0)` follows. */
  outOfRoom(): void;
}

/** Less than that is part of what a session costs anyway, and is not counted. In bytes. */
const COUNTED_FROM = 4096;

/**
 * The bytes of frames, records and texts that peers have begun and not finished, together. When they become too many, the
 * one who keeps the most gives up, not the one who came last: a peer that sends in order keeps less than a record for a
 * moment.
 */
export class PartialInput {
  readonly #most: number;
  readonly #reached: () => void;
  /** In the order in which they began. */
  readonly #held = new Map<PartialHolder, number>();
  #total = 0;

  /** @param most bytes in all, 1 or more */
  constructor(most: number, reached: () => void) {
    this.#most = most;
    this.#reached = reached;
  }

  /** Bytes that are counted now. */
  get total(): number {
    return this.#total;
  }

  /** What the holder keeps from now on, in bytes; 0 when it is done. The holder itself may have to give up meanwhile. */
  keep(holder: PartialHolder, bytes: number): void {
    const counted = bytes < COUNTED_FROM ? 0 : bytes;
    this.#total += counted - (this.#held.get(holder) ?? 0);
    if (counted === 0) this.#held.delete(holder);
    else this.#held.set(holder, counted);
    while (this.#total > this.#most) this.#giveUpLargest();
  }

  #giveUpLargest(): void {
    let largest: PartialHolder | undefined;
    let most = 0;
    for (const [holder, bytes] of this.#held) {
      if (bytes > most) [largest, most] = [holder, bytes];
    }
    if (largest === undefined) return;
    this.#held.delete(largest);
    this.#total -= most;
    this.#reached();
    largest.outOfRoom();
  }
}
