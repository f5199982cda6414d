import { limitsOf, type StreamLimits } from '../../engine/stream-limits.ts';
import type { StreamMetadata } from '../../event-log.ts';
import type { Segment } from '../files/segment.ts';
import { Runs } from './runs.ts';

/** What the log knows of one stream while it is in memory. */
export class StreamEntry {
  readonly name: string;
  /** Last revision, also of what is not durable yet; -1: none. */
  accepted = -1;
  durable = -1;
  /** Everything below is truncated or over the maximum count. */
  first = 0;
  truncateBefore = 0;
  limits: StreamLimits;
  /** All live events (mail), or those that the index does not have yet (facts, journal). */
  readonly runs = new Runs();
  /** The segment with the newest record of the stream; only kept for mail. */
  newest: Segment | undefined;
  /** When it was first seen to be over, monotonic milliseconds; only kept for mail. */
  overSince: number | undefined;
  /** Token of the batch that has this stream's name in its table, and the number it has there. */
  batch: object | undefined;
  batchId = 0;

  constructor(name: string, metadata: StreamMetadata | undefined) {
    this.name = name;
    this.limits = limitsOf(name, metadata);
    this.truncateBefore = metadata?.truncateBefore ?? 0;
    this.first = this.truncateBefore;
  }

  /** False when the event is truncated, expired or over the maximum count. `now` and `recordedAt` in milliseconds. */
  isLive(revision: number, recordedAt: number, now: number): boolean {
    return revision >= this.firstLive() && recordedAt + this.limits.maxAgeMs > now;
  }

  firstLive(): number {
    return Math.max(this.first, this.durable + 1 - this.limits.maxCount);
  }
}
