import { RESERVED } from '../../append-check.ts';
import type { RecordedEvent } from '../../event-log.ts';
import { BatchReader, recordedEvent } from '../files/batch-reader.ts';
import { BatchScanner } from '../files/batch-scanner.ts';
import { RECORD_EVENT } from '../files/format.ts';
import type { Manifest } from '../files/manifest.ts';
import { corrupt, endHashOf } from '../files/recovery.ts';
import type { Segment } from '../files/segment.ts';
import type { Family } from './family.ts';

/** Reads the durable events of one family in position order. The segment that it stands in stays open meanwhile. */
export class FamilyCursor {
  /** Position of the record it stands on; Infinity at the end. */
  position = Number.POSITIVE_INFINITY;
  readonly #family: Family;
  readonly #manifest: Manifest;
  readonly #after: number;
  readonly #head: number;
  #segment: Segment | undefined;
  #scanner: BatchScanner | undefined;
  #batch: BatchReader | undefined;
  #ended = false;

  constructor(family: Family, manifest: Manifest, after: number, head: number) {
    this.#family = family;
    this.#manifest = manifest;
    this.#after = after;
    this.#head = head;
    if (after >= head) this.#ended = true;
  }

  /** True when `fill` must run before `position` means anything. */
  get needsBatch(): boolean {
    return this.#batch === undefined && !this.#ended;
  }

  /** Moves to the next batch. @throws LogError `LOG_CORRUPT` */
  async fill(): Promise<void> {
    if (this.#segment === undefined) await this.#enter(this.#firstSegment());
    while (this.#segment !== undefined && this.#scanner !== undefined) {
      const { end } = this.#segment;
      const scanned = await this.#scanner.next(end, this.#after + 1);
      if (scanned === undefined) {
        this.#checkEnd(this.#segment, this.#scanner, end);
        const { number } = this.#segment;
        await this.#enter(this.#family.segments.find((segment) => segment.number > number));
        continue;
      }
      this.#batch = new BatchReader(scanned.bytes, scanned.header);
      this.#advance();
      if (this.#batch !== undefined || this.#ended) return;
    }
    this.#finish();
  }

  /** Leaves the record it stands on; undefined when that is filtered out or not alive. */
  take(wanted: (stream: string) => boolean, now: number): RecordedEvent | undefined {
    const batch = this.#batch;
    if (batch === undefined) return undefined;
    const event = this.#visible(batch, wanted, now) ? recordedEvent(batch) : undefined;
    this.#advance();
    return event;
  }

  async close(): Promise<void> {
    this.#finish();
    await this.#enter(undefined);
  }

  #visible(batch: BatchReader, wanted: (stream: string) => boolean, now: number): boolean {
    if (batch.kind !== RECORD_EVENT || batch.stream.startsWith(RESERVED) || !wanted(batch.stream)) {
      return false;
    }
    return this.#family.isLive(batch.stream, batch.revision, batch.header.recordedAt, now);
  }

  #advance(): void {
    while (this.#batch?.next()) {
      if (this.#batch.position <= this.#after) continue;
      this.position = this.#batch.position;
      if (this.position > this.#head) this.#finish();
      return;
    }
    this.#batch = undefined;
    this.position = Number.POSITIVE_INFINITY;
  }

  #finish(): void {
    this.#ended = true;
    this.#batch = undefined;
    this.position = Number.POSITIVE_INFINITY;
  }

  /** The last segment that can hold the first wanted position. */
  #firstSegment(): Segment | undefined {
    const { segments } = this.#family;
    let first = segments[0];
    for (const segment of segments) {
      if (segment.header.firstPosition <= this.#after + 1) first = segment;
    }
    return first;
  }

  async #enter(segment: Segment | undefined): Promise<void> {
    const old = this.#segment;
    segment?.retain();
    this.#segment = segment;
    this.#scanner = segment === undefined ? undefined : this.#scan(segment);
    await old?.release();
  }

  /** A segment that was sealed before this process started ends where the next one says, others where we know. */
  #checkEnd(segment: Segment, scanner: BatchScanner, end: number): void {
    // The newest segment of a log that another process writes: half a batch is one that is being written.
    if (end === Number.POSITIVE_INFINITY && scanner.endHash === undefined) return;
    const whole =
      end === Number.POSITIVE_INFINITY
        ? scanner.hash !== undefined && scanner.endHash?.equals(scanner.hash)
        : scanner.offset === end;
    if (scanner.problem !== undefined || !whole) {
      throw corrupt(segment.path, scanner.offset, scanner.problem ?? 'the segment ends early');
    }
    if (end === Number.POSITIVE_INFINITY) segment.end = scanner.offset;
  }

  #scan(segment: Segment): BatchScanner {
    const scanner = new BatchScanner(segment.file);
    scanner.hash = segment.header.chain;
    if (segment.end === Number.POSITIVE_INFINITY) scanner.endHash = this.#expectedEnd(segment);
    return scanner;
  }

  #expectedEnd(segment: Segment): Buffer | undefined {
    const next = this.#family.segments.find((other) => other.number > segment.number);
    return endHashOf(segment, next, this.#manifest.dropped(this.#family.name));
  }
}
