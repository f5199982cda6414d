import {
  checkExpectedRevision,
  eventCost,
  MAX_EVENT_BYTES,
  MAX_NAME_BYTES,
  RECORD_HEADER,
} from '../../append-check.ts';
import { limitsOf } from '../../engine/stream-limits.ts';
import type { Appended, StreamAppend, StreamMetadata } from '../../event-log.ts';
import { LogError } from '../../log-error.ts';
import type { RetentionClass } from '../../retention.ts';
import { BATCH_HEADER, SEGMENT_HEADER } from '../files/format.ts';
import type { Segment } from '../files/segment.ts';
import { streamOfMetadata } from '../index/metadata-stream.ts';
import { StreamEntry } from '../index/stream-entry.ts';
import type { StreamIndex } from '../index/stream-index.ts';
import { Batch, MAX_BATCH_NAMES, TypeName } from './batch.ts';
import type { SegmentWriter } from './segment-writer.ts';

/** The position that the next accepted event gets is one above; shared by the families of a log. */
export interface Positions {
  accepted: number;
}

export interface FamilyOptions {
  readonly name: RetentionClass;
  readonly segmentSize: number;
  readonly positions: Positions;
  readonly metadata: ReadonlyMap<string, StreamMetadata>;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Undefined: everything is in memory. */
  readonly index: StreamIndex | undefined;
}

/** A batch that has grown to this is not added to. */
const FULL_BATCH = 4 * 1024 * 1024;
/** What may wait for the disk. */
const MAX_QUEUED = 128 * 1024 * 1024;
const SPARE_BATCHES = 3;
/** Stream entries kept although the index could give them back. */
const MAX_IDLE_STREAMS = 100_000;
const MAX_TYPES = 4096;

/** One retention class: its streams, its segments, and what waits to be written. */
export class Family {
  readonly name: RetentionClass;
  readonly streams = new Map<string, StreamEntry>();
  /** Ascending. */
  segments: Segment[] = [];
  /** False from a failed write until one succeeds. */
  healthy = true;
  readonly #options: FamilyOptions;
  readonly #byNumber = new Map<number, Segment>();
  readonly #types = new Map<string, TypeName>();
  readonly #free: Batch[] = [];
  #queue: Batch[] = [];
  #queued = 0;
  #writer: SegmentWriter | undefined;

  constructor(options: FamilyOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get writer(): SegmentWriter | undefined {
    return this.#writer;
  }

  /** Bytes that one append may hold, by `eventCost`. */
  get appendLimit(): number {
    return this.#options.segmentSize - SEGMENT_HEADER - BATCH_HEADER;
  }

  get inMemory(): boolean {
    return this.#options.index === undefined;
  }

  get index(): StreamIndex | undefined {
    return this.#options.index;
  }

  start(writer: SegmentWriter): void {
    this.#writer = writer;
  }

  addSegment(segment: Segment): void {
    if (this.#byNumber.has(segment.number)) return;
    this.#byNumber.set(segment.number, segment);
    this.segments.push(segment);
  }

  /** Puts a compacted segment in the place of the one that it was made from. */
  replaceSegment(segment: Segment): void {
    this.#byNumber.set(segment.number, segment);
    this.segments = this.segments.map((old) => (old.number === segment.number ? segment : old));
  }

  removeSegment(segment: Segment): void {
    this.#byNumber.delete(segment.number);
    this.segments = this.segments.filter((other) => other !== segment);
  }

  segment(number: number): Segment | undefined {
    return this.#byNumber.get(number);
  }

  /** The stream, also when it has never had an event. */
  stream(name: string): StreamEntry {
    const known = this.streams.get(name);
    if (known !== undefined) return known;
    const entry = new StreamEntry(name, this.#options.metadata.get(name));
    if (Buffer.byteLength(name) > MAX_NAME_BYTES) {
      throw new LogError('LOG_INVALID', `a stream name has at most ${MAX_NAME_BYTES} bytes`);
    }
    const last = this.index?.lastRevision(name) ?? -1;
    entry.accepted = last;
    entry.durable = last;
    this.streams.set(name, entry);
    if (!this.inMemory && this.streams.size > MAX_IDLE_STREAMS) this.#evict(entry);
    return entry;
  }

  /**
   * Takes an append into the batch that is being collected, or changes nothing.
   *
   * @throws LogError `LOG_WRONG_REVISION`, `LOG_INVALID`, `LOG_UNAVAILABLE`
   */
  accept(appends: readonly StreamAppend[]): {
    readonly batch: Batch;
    readonly appended: readonly Appended[];
  } {
    const { entries, bases } = this.#reserve(appends);
    let batch: Batch;
    try {
      batch = this.#batchFor(appends);
    } catch (error) {
      this.#release(entries, appends, entries.length);
      throw error;
    }
    const before = batch.length;
    const appended: Appended[] = [];
    const positions = this.#options.positions;
    for (const [i, { events }] of appends.entries()) {
      const entry = entries[i] as StreamEntry;
      let revision = bases[i] ?? -1;
      batch.begin(entry, revision + 1, events.length);
      for (const event of events) {
        revision += 1;
        positions.accepted += 1;
        batch.add(entry, this.#type(event.type), revision, positions.accepted, event);
      }
      appended.push({ position: positions.accepted, revision });
    }
    this.#queued += batch.length - before;
    return { batch, appended };
  }

  /** Adds the last revision of a stream without live events to the batch that is being collected. */
  acceptHead(entry: StreamEntry): Batch {
    const batch = this.#collecting(RECORD_HEADER + Buffer.byteLength(entry.name), 1);
    const before = batch.length;
    this.#options.positions.accepted += 1;
    batch.addHead(entry, this.#options.positions.accepted);
    this.#queued += batch.length - before;
    return batch;
  }

  get hasQueued(): boolean {
    return this.#queue.length > 0;
  }

  /** Hands over everything that was collected. */
  take(): Batch[] {
    const taken = this.#queue;
    this.#queue = [];
    this.#queued = 0;
    return taken;
  }

  /** Gives a batch back for reuse. */
  recycle(batch: Batch): void {
    batch.reset();
    if (this.#free.length < SPARE_BATCHES) this.#free.push(batch);
  }

  /** Notes that a batch is durable at this place. */
  applyBatch(batch: Batch, segment: Segment, offset: number): void {
    for (let i = 0; i < batch.streams.length; i++) {
      const entry = batch.streams[i] as StreamEntry;
      this.applyRun(entry, batch.firstRevisions[i] ?? 0, batch.counts[i] ?? 0, segment, offset);
    }
  }

  /** Notes `count` events of a stream in a batch; `count` 0: a record that carries only the last revision. */
  applyRun(entry: StreamEntry, first: number, count: number, segment: Segment, offset: number): void {
    const { index } = this;
    if (index !== undefined) {
      entry.durable = first + count - 1;
      index.add(segment.number, entry.name, first, entry.durable, offset);
      const about = streamOfMetadata(entry.name);
      if (about !== undefined) index.metadataChanged(segment.number, about);
      return;
    }
    this.#moveNewest(entry, segment);
    if (count === 0) {
      entry.durable = Math.max(entry.durable, first);
      this.truncateTo(entry, first + 1);
      return;
    }
    // A gap: what was in between was dropped, so everything before it was dead.
    if (first > entry.durable + 1) this.truncateTo(entry, first);
    const { runs } = entry;
    const sameBatch =
      runs.count > 0 &&
      runs.offsetAt(runs.count - 1) === offset &&
      runs.segmentAt(runs.count - 1) === segment.number;
    if (!sameBatch) runs.push(first, segment.number, offset);
    entry.durable = first + count - 1;
    segment.live += Math.max(0, first + count - Math.max(first, entry.first));
    segment.events += count;
    const firstLive = entry.firstLive();
    if (firstLive > entry.first || firstLive > first) this.truncateTo(entry, firstLive);
  }

  /** False when the event is truncated, expired or over the maximum count. Milliseconds. */
  isLive(stream: string, revision: number, recordedAt: number, now: number): boolean {
    const known = this.streams.get(stream);
    if (known !== undefined) return known.isLive(revision, recordedAt, now);
    const metadata = this.#options.metadata.get(stream);
    const limits = limitsOf(stream, metadata);
    // Only a stream that keeps a number of events must be looked up to say which.
    if (limits.maxCount !== Number.POSITIVE_INFINITY) {
      return this.stream(stream).isLive(revision, recordedAt, now);
    }
    return revision >= (metadata?.truncateBefore ?? 0) && recordedAt + limits.maxAgeMs > now;
  }

  /** Forgets a stream without live events, and how many it had: it is over, and nothing will be appended to it. */
  forget(entry: StreamEntry): void {
    this.streams.delete(entry.name);
    if (entry.newest !== undefined) entry.newest.newestOf -= 1;
  }

  /** Moves the first live revision up and counts what died where. */
  truncateTo(entry: StreamEntry, before: number): void {
    const from = entry.first;
    if (before > from) entry.first = before;
    if (!this.inMemory) return;
    const { runs } = entry;
    let gone = 0;
    for (; gone < runs.count; gone++) {
      const first = runs.firstRevisionAt(gone);
      if (first >= before) break;
      const end = gone + 1 < runs.count ? runs.firstRevisionAt(gone + 1) : entry.durable + 1;
      const segment = this.#byNumber.get(runs.segmentAt(gone));
      const died = Math.min(end, before) - Math.max(first, from);
      if (segment !== undefined && died > 0) segment.live -= died;
      if (end > before) break;
    }
    runs.shift(gone);
  }

  /** Puts new metadata of a stream into force. */
  applyMetadata(entry: StreamEntry, metadata: StreamMetadata): void {
    entry.limits = limitsOf(entry.name, metadata);
    entry.truncateBefore = Math.max(entry.truncateBefore, metadata.truncateBefore ?? 0);
    this.truncateTo(entry, Math.max(entry.truncateBefore, entry.durable + 1 - entry.limits.maxCount));
  }

  /** Forgets what a failed flush, and everything collected on top of it, had promised. Returns the batches that go. */
  rollBack(batches: readonly Batch[]): Batch[] {
    const gone = [...batches, ...this.take()];
    for (const batch of gone) {
      for (const entry of batch.streams) entry.accepted = entry.durable;
    }
    this.healthy = false;
    return gone;
  }

  #moveNewest(entry: StreamEntry, segment: Segment): void {
    if (entry.newest === segment) return;
    if (entry.newest !== undefined) entry.newest.newestOf -= 1;
    entry.newest = segment;
    segment.newestOf += 1;
  }

  /** Checks the expected revisions and raises the accepted ones. */
  #reserve(appends: readonly StreamAppend[]): { readonly entries: StreamEntry[]; readonly bases: number[] } {
    const entries: StreamEntry[] = [];
    const bases: number[] = [];
    try {
      for (const { stream, expected, events } of appends) {
        const entry = this.stream(stream);
        checkExpectedRevision(stream, expected, entry.accepted);
        bases.push(entry.accepted);
        entries.push(entry);
        entry.accepted += events.length;
      }
    } catch (error) {
      this.#release(entries, appends, entries.length);
      throw error;
    }
    return { entries, bases };
  }

  #release(entries: readonly StreamEntry[], appends: readonly StreamAppend[], count: number): void {
    for (let i = 0; i < count; i++) {
      const entry = entries[i];
      if (entry !== undefined) entry.accepted -= appends[i]?.events.length ?? 0;
    }
  }

  #batchFor(appends: readonly StreamAppend[]): Batch {
    let bytes = 0;
    for (const { stream, events } of appends) {
      for (const { type, data } of events) {
        if (data.length > MAX_EVENT_BYTES) {
          throw new LogError('LOG_INVALID', `an event has at most ${MAX_EVENT_BYTES} bytes`);
        }
        this.#type(type);
        bytes += eventCost(stream, type, data.length);
      }
    }
    return this.#collecting(bytes, appends.length + Math.min(this.#types.size, MAX_TYPES));
  }

  /** The batch at the end of the queue when it has room, or a new one. */
  #collecting(bytes: number, names: number): Batch {
    if (bytes > this.appendLimit || names > MAX_BATCH_NAMES) {
      throw new LogError('LOG_INVALID', `an append of ${bytes} bytes does not fit into a segment`);
    }
    if (this.#queued + bytes > MAX_QUEUED) {
      throw new LogError('LOG_UNAVAILABLE', 'too much waits for the disk', { retryable: true });
    }
    const last = this.#queue.at(-1);
    const full = Math.min(FULL_BATCH, this.appendLimit);
    if (last !== undefined && last.length + bytes <= full && last.names + names <= MAX_BATCH_NAMES) {
      return last;
    }
    const batch = this.#free.pop() ?? new Batch();
    batch.recordedAt = Math.floor(this.#options.now());
    this.#queue.push(batch);
    return batch;
  }

  #type(name: string): TypeName {
    const known = this.#types.get(name);
    if (known !== undefined) return known;
    if (Buffer.byteLength(name) > MAX_NAME_BYTES) {
      throw new LogError('LOG_INVALID', `an event type has at most ${MAX_NAME_BYTES} bytes`);
    }
    if (this.#types.size >= MAX_TYPES) this.#types.clear();
    const type = new TypeName(name);
    this.#types.set(name, type);
    return type;
  }

  #evict(except: StreamEntry): void {
    let looked = 0;
    for (const entry of this.streams.values()) {
      looked += 1;
      if (looked > 64) return;
      const busy = entry.accepted !== entry.durable;
      this.streams.delete(entry.name);
      // Busy ones move to the end of the order, so that the next look starts behind them.
      if (busy || entry === except) this.streams.set(entry.name, entry);
    }
  }
}
