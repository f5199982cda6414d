/** Hears what the log does with the disk; the composition root turns it into metrics. */
export interface LogObserver {
  /** A batch of this many records, name definitions included, is durable; `seconds` from its first write to the end of the last. */
  flushed(records: number, seconds: number): void;
  /** Appends of a batch were refused because of this error of the disk (`ENOSPC`, `EIO`, ...). */
  refused(appends: number, reason: string): void;
  /** The index of a sealed segment was made anew from the segment. */
  indexRebuilt(reason: 'missing' | 'damaged'): void;
}
