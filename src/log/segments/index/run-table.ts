import type { Run } from './runs.ts';
import { compareKeys, type StreamKey } from './stream-key.ts';

/** Where the events of streams lie in one segment. */
export interface SegmentRuns {
  /** Number of the segment. */
  readonly segment: number;
  /** The last revision that the stream has in this segment; undefined: the segment holds nothing of it. */
  lastRevision(key: StreamKey): number | undefined;
  /** Up to `limit` runs in ascending order, from the first that ends at `revision` or above. */
  runsFrom(key: StreamKey, revision: number, limit: number): Run[];
  /** Gives back the file that it reads from, if it does. */
  close(): Promise<void>;
}

/** The events of one stream in one batch. */
export interface RunRow {
  readonly key: StreamKey;
  readonly first: number;
  /** Below `first`: the batch only tells the last revision of a stream without live events. */
  readonly last: number;
  readonly offset: number;
}

const FIRST_CAPACITY = 64;
const NONE = -1;

/**
 * The runs of a segment in memory: of the newest one, and of a sealed one until they are in a file. A hash table in typed
 * arrays, 40 bytes a run. Its buckets go by the first bits of the key, so that walking them gives the runs in the order
 * of the keys.
 */
export class RunTable implements SegmentRuns {
  readonly segment: number;
  /** Streams whose metadata changed in this segment. */
  readonly metadata = new Set<string>();
  #count = 0;
  #bits = Math.log2(FIRST_CAPACITY);
  /** Newest row of each bucket. */
  #heads = new Int32Array(FIRST_CAPACITY).fill(NONE);
  /** The row before it in its bucket. */
  #nexts = new Int32Array(FIRST_CAPACITY);
  #keys = new Uint32Array(FIRST_CAPACITY * 4);
  #firsts = new Float64Array(FIRST_CAPACITY);
  #lasts = new Float64Array(FIRST_CAPACITY);
  #offsets = new Uint32Array(FIRST_CAPACITY);

  constructor(segment: number) {
    this.segment = segment;
  }

  get count(): number {
    return this.#count;
  }

  /** Notes revisions `first` to `last` in the batch at `offset`. Called in the order of the log. */
  add(key: StreamKey, first: number, last: number, offset: number): void {
    const newest = this.#newest(key);
    if (newest !== NONE && this.#offsets[newest] === offset && last >= first) {
      this.#lasts[newest] = last;
      return;
    }
    if (this.#count === this.#firsts.length) this.#grow();
    const row = this.#count;
    this.#count += 1;
    this.#keys.set(key, row * 4);
    this.#firsts[row] = first;
    this.#lasts[row] = last;
    this.#offsets[row] = offset;
    this.#link(row);
  }

  lastRevision(key: StreamKey): number | undefined {
    const row = this.#newest(key);
    return row === NONE ? undefined : this.#lasts[row];
  }

  runsFrom(key: StreamKey, revision: number, limit: number): Run[] {
    const runs: Run[] = [];
    for (let row = this.#head(key); row !== NONE; row = this.#nexts[row] ?? NONE) {
      if (!this.#is(row, key)) continue;
      const { first, last, offset } = this.#row(row);
      if (last < revision) break;
      if (first <= last) {
        runs.push({ firstRevision: first, lastRevision: last, segment: this.segment, offset });
      }
    }
    return runs.toReversed().slice(0, limit);
  }

  async close(): Promise<void> {}

  /** All runs, by key and then in the order of the log. */
  *rows(): Iterable<RunRow> {
    for (const head of this.#heads) {
      const bucket: RunRow[] = [];
      for (let row = head; row !== NONE; row = this.#nexts[row] ?? NONE) bucket.push(this.#row(row));
      // The sort is stable: rows of one key stay as they were added.
      yield* bucket.toReversed().toSorted((a, b) => compareKeys(a.key, b.key));
    }
  }

  #row(row: number): RunRow {
    const at = (word: number): number => this.#keys[row * 4 + word] ?? 0;
    return {
      key: [at(0), at(1), at(2), at(3)],
      first: this.#firsts[row] ?? 0,
      last: this.#lasts[row] ?? 0,
      offset: this.#offsets[row] ?? 0,
    };
  }

  #head(key: StreamKey): number {
    return this.#heads[key[0] >>> (32 - this.#bits)] ?? NONE;
  }

  #newest(key: StreamKey): number {
    let row = this.#head(key);
    while (row !== NONE && !this.#is(row, key)) row = this.#nexts[row] ?? NONE;
    return row;
  }

  #is(row: number, key: StreamKey): boolean {
    const keys = this.#keys;
    const at = row * 4;
    return (
      keys[at] === key[0] && keys[at + 1] === key[1] && keys[at + 2] === key[2] && keys[at + 3] === key[3]
    );
  }

  #link(row: number): void {
    const bucket = (this.#keys[row * 4] ?? 0) >>> (32 - this.#bits);
    this.#nexts[row] = this.#heads[bucket] ?? NONE;
    this.#heads[bucket] = row;
  }

  #grow(): void {
    const capacity = this.#firsts.length * 2;
    const keys = new Uint32Array(capacity * 4);
    const firsts = new Float64Array(capacity);
    const lasts = new Float64Array(capacity);
    const offsets = new Uint32Array(capacity);
    keys.set(this.#keys);
    firsts.set(this.#firsts);
    lasts.set(this.#lasts);
    offsets.set(this.#offsets);
    this.#keys = keys;
    this.#firsts = firsts;
    this.#lasts = lasts;
    this.#offsets = offsets;
    this.#nexts = new Int32Array(capacity);
    this.#heads = new Int32Array(capacity).fill(NONE);
    this.#bits += 1;
    for (let row = 0; row < this.#count; row++) this.#link(row);
  }
}
