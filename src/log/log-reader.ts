import { BatchCache } from './batch-cache.ts';
import { BatchReader, recordedEvent } from './batch-reader.ts';
import type { EventRef, ReadAllOptions, ReadStreamOptions, RecordedEvent } from './event-log.ts';
import type { Family } from './family.ts';
import { FamilyCursor } from './family-cursor.ts';
import { RECORD_EVENT } from './format.ts';
import type { LogIndex } from './log-index.ts';
import type { Manifest } from './manifest.ts';
import { type RetentionClass, retentionOf } from './retention.ts';
import type { Run } from './runs.ts';
import type { StreamEntry } from './stream-entry.ts';
import { categoryFilter } from './subscription.ts';

export interface ReaderOptions {
  readonly families: Readonly<Record<RetentionClass, Family>>;
  readonly index: LogIndex | undefined;
  readonly manifest: Manifest;
  readonly now: () => number;
  readonly headPosition: () => number;
}

/** Runs of a stream that are looked up at a time. */
const RUNS = 64;
/** Batches that are read at a time. */
const PARALLEL = 16;

/** All reading of a segment log: by stream, by reference, and everything in order. */
export class LogReader {
  readonly #options: ReaderOptions;
  readonly #cache = new BatchCache();

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  async *readStream(name: string, options: ReadStreamOptions): AsyncIterable<RecordedEvent> {
    const family = this.#family(name);
    let next = options.fromRevision ?? 0;
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    while (left > 0) {
      const entry = family.stream(name);
      const last = entry.durable;
      next = Math.max(next, entry.firstLive());
      if (next > last) return;
      const runs = this.#runs(family, entry, next);
      if (runs.length === 0) return;
      for (const run of runs) {
        const loaded = await this.#load(family, run);
        if (loaded === undefined) continue;
        for (const event of eventsOf(loaded, name)) {
          if (event.revision < next || event.revision > last) continue;
          next = event.revision + 1;
          if (!entry.isLive(event.revision, event.recordedAt, this.#options.now())) continue;
          yield event;
          left -= 1;
          if (left === 0) return;
        }
      }
      const after = runs.at(-1);
      // Nothing found in there (dropped meanwhile): go on behind.
      if (after !== undefined && next <= after.firstRevision) next = after.firstRevision + 1;
    }
  }

  async readEvents(refs: readonly EventRef[]): Promise<readonly (RecordedEvent | undefined)[]> {
    const found: (RecordedEvent | undefined)[] = refs.map(() => undefined);
    const places = new Map<string, { family: Family; run: Run; wanted: Map<string, number[]> }>();
    for (const [i, ref] of refs.entries()) {
      const family = this.#family(ref.stream);
      const entry = family.stream(ref.stream);
      if (ref.revision < entry.firstLive() || ref.revision > entry.durable) continue;
      const [run] = this.#runs(family, entry, ref.revision, 1);
      if (run === undefined) continue;
      const key = `${family.name} ${run.segment} ${run.offset}`;
      const place = places.get(key) ?? { family, run, wanted: new Map<string, number[]>() };
      places.set(key, place);
      const eventKey = `${ref.revision} ${ref.stream}`;
      const indexes = place.wanted.get(eventKey);
      if (indexes === undefined) place.wanted.set(eventKey, [i]);
      else indexes.push(i);
    }
    const sorted = [...places.values()].sort(
      (a, b) => a.run.segment - b.run.segment || a.run.offset - b.run.offset,
    );
    for (let i = 0; i < sorted.length; i += PARALLEL) {
      await Promise.all(sorted.slice(i, i + PARALLEL).map((place) => this.#pick(place, found)));
    }
    return found;
  }

  async *readAll(options: ReadAllOptions): AsyncIterable<RecordedEvent> {
    const head = this.#options.headPosition();
    const after = options.after ?? 0;
    const wanted = categoryFilter(options.categories);
    const classes = new Set(options.categories?.map((category) => retentionOf(category)));
    const cursors = Object.values(this.#options.families)
      .filter((family) => options.categories === undefined || classes.has(family.name))
      .map((family) => new FamilyCursor(family, this.#options.manifest, after, head));
    try {
      for (;;) {
        let first: FamilyCursor | undefined;
        for (const cursor of cursors) {
          if (cursor.needsBatch) await cursor.fill();
          if (cursor.position < (first?.position ?? Number.POSITIVE_INFINITY)) first = cursor;
        }
        if (first === undefined) return;
        const event = first.take(wanted, this.#options.now());
        if (event !== undefined) yield event;
      }
    } finally {
      for (const cursor of cursors) await cursor.close();
    }
  }

  async #pick(
    place: { family: Family; run: Run; wanted: Map<string, number[]> },
    found: (RecordedEvent | undefined)[],
  ): Promise<void> {
    const loaded = await this.#load(place.family, place.run);
    if (loaded === undefined) return;
    const now = this.#options.now();
    while (loaded.next()) {
      const indexes = place.wanted.get(`${loaded.revision} ${loaded.stream}`);
      if (indexes === undefined || loaded.kind !== RECORD_EVENT) continue;
      const entry = place.family.stream(loaded.stream);
      if (!entry.isLive(loaded.revision, loaded.header.recordedAt, now)) continue;
      const event = recordedEvent(loaded);
      for (const index of indexes) found[index] = event;
    }
  }

  async #load(family: Family, run: Run): Promise<BatchReader | undefined> {
    const segment = family.segment(run.segment);
    if (segment === undefined) return undefined;
    const { bytes, header } = await this.#cache.load(segment, run.offset);
    return new BatchReader(bytes, header);
  }

  #runs(family: Family, entry: StreamEntry, revision: number, limit = RUNS): Run[] {
    const { runs } = entry;
    const inMemoryFrom = runs.count > 0 ? runs.firstRevisionAt(0) : Number.POSITIVE_INFINITY;
    if (!family.inMemory && revision < inMemoryFrom) {
      const indexed = this.#options.index?.runsFrom(entry.name, revision, limit) ?? [];
      if (indexed.length > 0) return indexed.filter((run) => run.firstRevision < inMemoryFrom);
    }
    const result: Run[] = [];
    for (let i = runs.indexOf(revision); i < runs.count && result.length < limit; i++)
      result.push(runs.at(i));
    return result;
  }

  #family(stream: string): Family {
    return this.#options.families[retentionOf(stream)];
  }
}

function* eventsOf(batch: BatchReader, stream: string): Iterable<RecordedEvent> {
  while (batch.next()) {
    if (batch.kind === RECORD_EVENT && batch.stream === stream) yield recordedEvent(batch);
  }
}
