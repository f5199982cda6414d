import { LogError } from '../../log-error.ts';
import { RunTable, type SegmentRuns } from './run-table.ts';
import type { Run } from './runs.ts';
import { type StreamKey, streamKey } from './stream-key.ts';

/**
 * Where the events of a family's streams lie, segment by segment: in memory for the newest one, in files for sealed ones.
 * Never the truth, and never more than a hint about which batches to read: what is missing or doubtful is made anew from
 * the segment.
 */
export class StreamIndex {
  /** Called with the segment whose runs could not be read, and why. Set by whoever makes them anew. */
  onDoubt: (segment: number, error: unknown) => void = () => undefined;
  /** Ascending by segment. */
  #parts: SegmentRuns[] = [];

  /** Notes revisions `first` to `last` of a stream; called in the order of the log. */
  add(segment: number, stream: string, first: number, last: number, offset: number): void {
    this.table(segment).add(streamKey(stream), first, last, offset);
  }

  metadataChanged(segment: number, stream: string): void {
    this.table(segment).metadata.add(stream);
  }

  /** The runs of a segment that is being written or scanned. */
  table(segment: number): RunTable {
    const newest = this.#parts.at(-1);
    if (newest instanceof RunTable && newest.segment === segment) return newest;
    const known = this.part(segment);
    if (known instanceof RunTable) return known;
    const made = new RunTable(segment);
    this.replace(made);
    return made;
  }

  part(segment: number): SegmentRuns | undefined {
    return this.#parts.find((part) => part.segment === segment);
  }

  /** Puts the runs of one segment in the place of what was known of it. Returns a file that is not needed any more. */
  replace(part: SegmentRuns): SegmentRuns | undefined {
    const old = this.drop(part.segment);
    this.#parts.push(part);
    this.#parts.sort((a, b) => a.segment - b.segment);
    return old;
  }

  drop(segment: number): SegmentRuns | undefined {
    const old = this.part(segment);
    this.#parts = this.#parts.filter((part) => part !== old);
    return old;
  }

  /** Tables in memory of segments below this number. */
  tablesBelow(segment: number): RunTable[] {
    return this.#parts.filter((part) => part instanceof RunTable).filter((part) => part.segment < segment);
  }

  /** Last revision of a stream, or undefined. @throws LogError `LOG_UNAVAILABLE` while a damaged part is made anew */
  lastRevision(stream: string): number | undefined {
    const key = streamKey(stream);
    for (let i = this.#parts.length - 1; i >= 0; i--) {
      const last = this.#ask(this.#parts[i], (part) => part.lastRevision(key));
      if (last !== undefined) return last;
    }
    return undefined;
  }

  /** Up to `limit` runs, from the one that holds `revision`. @throws as `lastRevision` */
  runsFrom(stream: string, revision: number, limit: number): Run[] {
    const key: StreamKey = streamKey(stream);
    const runs: Run[] = [];
    for (const part of this.#parts) {
      if (runs.length >= limit) break;
      const found = this.#ask(part, (one) => one.runsFrom(key, revision, limit - runs.length));
      if (found !== undefined) runs.push(...found);
    }
    return runs;
  }

  async close(): Promise<void> {
    for (const part of this.#parts) await part.close();
    this.#parts = [];
  }

  #ask<T>(part: SegmentRuns | undefined, question: (part: SegmentRuns) => T): T | undefined {
    if (part === undefined) return undefined;
    try {
      return question(part);
    } catch (cause) {
      this.onDoubt(part.segment, cause);
      const what = 'the index of the log was damaged and is being made anew';
      throw new LogError('LOG_UNAVAILABLE', what, { retryable: true, cause });
    }
  }
}
