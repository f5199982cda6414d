/** Where events of a stream lie: those from `firstRevision` to `lastRevision` are in the batch at this place. */
export interface Run {
  readonly firstRevision: number;
  readonly lastRevision: number;
  readonly segment: number;
  readonly offset: number;
}

const STRIDE = 3;
const SMALLEST = 2 * STRIDE;

/** A queue of runs in one typed array: 24 bytes a run, for millions of letters. */
export class Runs {
  #items: Float64Array | undefined;
  #start = 0;
  #end = 0;

  get count(): number {
    return (this.#end - this.#start) / STRIDE;
  }

  push(firstRevision: number, segment: number, offset: number): void {
    const items = this.#room();
    items[this.#end] = firstRevision;
    items[this.#end + 1] = segment;
    items[this.#end + 2] = offset;
    this.#end += STRIDE;
  }

  /** 0 is the oldest. */
  firstRevisionAt(index: number): number {
    return this.#items?.[this.#start + index * STRIDE] ?? Number.NaN;
  }

  segmentAt(index: number): number {
    return this.#items?.[this.#start + index * STRIDE + 1] ?? Number.NaN;
  }

  offsetAt(index: number): number {
    return this.#items?.[this.#start + index * STRIDE + 2] ?? Number.NaN;
  }

  setOffsetAt(index: number, offset: number): void {
    if (this.#items !== undefined) this.#items[this.#start + index * STRIDE + 2] = offset;
  }

  /** @param durable the last revision of the stream: the newest run ends there */
  at(index: number, durable: number): Run {
    return {
      firstRevision: this.firstRevisionAt(index),
      lastRevision: index + 1 < this.count ? this.firstRevisionAt(index + 1) - 1 : durable,
      segment: this.segmentAt(index),
      offset: this.offsetAt(index),
    };
  }

  /** Forgets the oldest. */
  shift(count: number): void {
    this.#start += count * STRIDE;
    if (this.#start >= this.#end) {
      this.#start = 0;
      this.#end = 0;
      // Most streams rest from now on: an idle one holds nothing.
      this.#items = undefined;
    }
  }

  /** Index of the run that holds this revision, or of the first one behind it; `count` when there is none. */
  indexOf(revision: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.firstRevisionAt(middle) <= revision) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  #room(): Float64Array {
    const items = this.#items ?? new Float64Array(SMALLEST);
    this.#items = items;
    if (this.#end < items.length) return items;
    const used = this.#end - this.#start;
    const target = used * 2 > items.length ? new Float64Array(items.length * 2) : items;
    target.set(items.subarray(this.#start, this.#end));
    this.#start = 0;
    this.#end = used;
    this.#items = target;
    return target;
  }
}
