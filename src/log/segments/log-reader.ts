import { retentionOf } from '../../events/retention.ts';
import { categoryFilter } from '../engine/subscription.ts';
import type { EventRef, ReadAllOptions, ReadStreamOptions, RecordedEvent } from '../event-log.ts';
import type { RetentionClass } from '../retention.ts';
import type { Family } from './families/family.ts';
import { FamilyCursor } from './families/family-cursor.ts';
import { BatchCache } from './files/batch-cache.ts';
import { BatchReader, recordedEvent } from './files/batch-reader.ts';
import { RECORD_EVENT } from './files/format.ts';
import type { Manifest } from './files/manifest.ts';
import { corrupt } from './files/recovery.ts';
import type { Segment } from './files/segment.ts';
import type { Run } from './index/runs.ts';
import type { StreamEntry } from './index/stream-entry.ts';

export interface ReaderOptions {
  readonly families: Readonly<Record<RetentionClass, Family>>;
  readonly manifest: Manifest;
  readonly now: () => number;
  readonly headPosition: () => number;
}

/** A batch and the segment that it is in, as it was when somebody looked it up. */
interface Place {
  readonly run: Run;
  readonly segment: Segment;
}

interface WantedBatch {
  readonly family: Family;
  readonly place: Place;
  /** Places in the answer, by revision and stream. */
  readonly wanted: Map<string, number[]>;
}

/** Runs of a stream that are looked up at a time. */
const RUNS = 1024;
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
      const places = this.#places(family, entry, next);
      if (places.length === 0) return;
      for (const place of places) {
        if (isStale(family, place)) break;
        const loaded = await this.#load(place);
        let found = false;
        for (const event of eventsOf(loaded, name)) {
          found = true;
          if (event.revision < next || event.revision > last) continue;
          next = event.revision + 1;
          if (!entry.isLive(event.revision, event.recordedAt, this.#options.now())) continue;
          yield event;
          left -= 1;
          if (left === 0) return;
        }
        // What lies there is not what was written: to look again would be to look for ever.
        if (!found) throw corrupt(place.segment.path, place.run.offset, `the batch holds nothing of ${name}`);
        // Behind the last one of the run, if that is gone.
        next = Math.max(next, Math.min(place.run.lastRevision, last) + 1);
      }
    }
  }

  async readEvents(refs: readonly EventRef[]): Promise<readonly (RecordedEvent | undefined)[]> {
    const found: (RecordedEvent | undefined)[] = refs.map(() => undefined);
    let wanted = [...refs.keys()];
    while (wanted.length > 0) {
      const batches = this.#batchesOf(refs, wanted);
      wanted = [];
      for (let i = 0; i < batches.length; i += PARALLEL) {
        const picked = batches.slice(i, i + PARALLEL).map(async (batch) => {
          if (isStale(batch.family, batch.place)) wanted.push(...[...batch.wanted.values()].flat());
          else await this.#pick(batch, found);
        });
        await Promise.all(picked);
      }
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

  /** The batches that hold the wanted references, each once, in the order of the files. */
  #batchesOf(refs: readonly EventRef[], wanted: readonly number[]): readonly WantedBatch[] {
    const batches = new Map<string, WantedBatch>();
    for (const i of wanted) {
      const ref = refs[i];
      if (ref === undefined) continue;
      const family = this.#family(ref.stream);
      const entry = family.stream(ref.stream);
      if (ref.revision < entry.firstLive() || ref.revision > entry.durable) continue;
      const [place] = this.#places(family, entry, ref.revision, 1);
      if (place === undefined) continue;
      const key = `${family.name} ${place.run.segment} ${place.run.offset}`;
      const batch = batches.get(key) ?? { family, place, wanted: new Map<string, number[]>() };
      batches.set(key, batch);
      const eventKey = `${ref.revision} ${ref.stream}`;
      const indexes = batch.wanted.get(eventKey);
      if (indexes === undefined) batch.wanted.set(eventKey, [i]);
      else indexes.push(i);
    }
    return [...batches.values()].sort(
      (a, b) => a.place.run.segment - b.place.run.segment || a.place.run.offset - b.place.run.offset,
    );
  }

  async #pick(batch: WantedBatch, found: (RecordedEvent | undefined)[]): Promise<void> {
    const loaded = await this.#load(batch.place);
    const now = this.#options.now();
    while (loaded.next()) {
      const indexes = batch.wanted.get(`${loaded.revision} ${loaded.stream}`);
      if (indexes === undefined || loaded.kind !== RECORD_EVENT) continue;
      if (!batch.family.isLive(loaded.stream, loaded.revision, loaded.header.recordedAt, now)) continue;
      const event = recordedEvent(loaded);
      for (const index of indexes) found[index] = event;
    }
  }

  async #load({ run, segment }: Place): Promise<BatchReader> {
    const { bytes, header } = await this.#cache.load(segment, run.offset);
    return new BatchReader(bytes, header);
  }

  /** Where the events of a stream from `revision` on lie now; dropped segments are left out. */
  #places(family: Family, entry: StreamEntry, revision: number, limit = RUNS): Place[] {
    const places: Place[] = [];
    for (const run of runsOf(family, entry, revision, limit)) {
      const segment = family.segment(run.segment);
      if (segment !== undefined) places.push({ run, segment });
    }
    return places;
  }

  #family(stream: string): Family {
    return this.#options.families[retentionOf(stream)];
  }
}

/** From the one that holds `revision`. */
function runsOf(family: Family, entry: StreamEntry, revision: number, limit: number): Run[] {
  if (family.index !== undefined) return family.index.runsFrom(entry.name, revision, limit);
  const { runs } = entry;
  const result: Run[] = [];
  for (let i = runs.indexOf(revision); i < runs.count && result.length < limit; i++) {
    result.push(runs.at(i, entry.durable));
  }
  return result;
}

/** The segment was dropped or compacted since: its batches must be looked up again. */
function isStale(family: Family, { segment }: Place): boolean {
  return family.segment(segment.number) !== segment;
}

function* eventsOf(batch: BatchReader, stream: string): Iterable<RecordedEvent> {
  while (batch.next()) {
    if (batch.kind === RECORD_EVENT && batch.stream === stream) yield recordedEvent(batch);
  }
}
