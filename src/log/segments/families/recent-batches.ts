import { RESERVED } from '../../append-check.ts';
import type { RecordedEvent } from '../../event-log.ts';
import { BatchReader, recordedEvent } from '../files/batch-reader.ts';
import { decodeBatchHeader, RECORD_EVENT } from '../files/format.ts';

interface RecentFlush {
  /** Complete from above this position up to `upTo`. */
  readonly after: number;
  readonly upTo: number;
  readonly bytes: number;
  readonly batches: readonly Buffer[];
}

const KEPT_BYTES = 8 * 1024 * 1024;

/** The last flushes in memory, for subscribers that keep up. Whoever falls behind what is kept reads the files. */
export class RecentBatches {
  readonly #flushes: RecentFlush[] = [];
  #bytes = 0;

  /** `batches` are copies; all events with positions above `after` up to `upTo` are in them. */
  add(after: number, upTo: number, batches: readonly Buffer[]): void {
    const bytes = batches.reduce((sum, batch) => sum + batch.length, 0);
    this.#flushes.push({ after, upTo, bytes, batches });
    this.#bytes += bytes;
    while (this.#bytes > KEPT_BYTES) this.#bytes -= this.#flushes.shift()?.bytes ?? this.#bytes;
  }

  clear(): void {
    this.#flushes.length = 0;
    this.#bytes = 0;
  }

  /** The events of the first kept flush that ends above `after`; undefined when events before it are not kept. */
  take(
    after: number,
    isLive: (stream: string, revision: number, recordedAt: number) => boolean,
  ): { readonly events: readonly RecordedEvent[]; readonly upTo: number } | undefined {
    const flush = this.#flushes.find((candidate) => candidate.upTo > after);
    if (flush === undefined || flush.after > after) return undefined;
    const events: RecordedEvent[] = [];
    for (const bytes of flush.batches) {
      const header = decodeBatchHeader(bytes);
      if (header === undefined) continue;
      const reader = new BatchReader(bytes, header);
      while (reader.next()) {
        if (reader.position <= after || reader.kind !== RECORD_EVENT || reader.stream.startsWith(RESERVED)) {
          continue;
        }
        if (isLive(reader.stream, reader.revision, header.recordedAt)) events.push(recordedEvent(reader));
      }
    }
    if (flush.batches.length > 1) events.sort((a, b) => a.position - b.position);
    return { events, upTo: flush.upTo };
  }
}
