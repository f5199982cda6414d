import type { Clock } from '../../../ports/ports.ts';
import { RECORD_HEADER } from '../../append-check.ts';
import type { LogLogger } from '../../log-logger.ts';
import type { Disk } from '../disk/disk.ts';
import type { Family } from '../families/family.ts';
import { BatchReader } from '../files/batch-reader.ts';
import { BatchScanner } from '../files/batch-scanner.ts';
import { RECORD_EVENT } from '../files/format.ts';
import type { Segment } from '../files/segment.ts';
import { compactSegment } from './compaction.ts';

/**
 * Whether nobody will append to a stream any more, and nobody needs its event at this position: said by whoever owns the
 * streams. It must stay true, also after a restart.
 */
export type IsRetired = (stream: string, position: number) => boolean;

export interface FactsKeeperOptions {
  readonly directory: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: LogLogger;
  readonly facts: Family;
  readonly isRetired: IsRetired;
  /** Hash of the last batch of a sealed segment. */
  readonly chainEnd: (segment: Segment) => Buffer;
}

/** What is younger is not touched: whoever has just appended it may not know yet. */
export const GRACE_MS = 600_000;
/** A segment that was looked through is not looked through again before this. */
const AGAIN_MS = 3_600_000;
/** A segment with a larger share of dead bytes is rewritten. */
const COMPACT_ABOVE = 0.5;

/**
 * Gives the space of facts back that nobody needs: of streams that are retired, and what newer events of their stream have
 * replaced. A retired stream goes from its beginning on, whatever segments it lies in: what is left of it at any time is
 * its end, which says that it is over.
 */
export class FactsKeeper {
  readonly #options: FactsKeeperOptions;
  /** Monotonic milliseconds of the last look, by number of the segment. */
  readonly #lookedAt = new Map<number, number>();

  constructor(options: FactsKeeperOptions) {
    this.#options = options;
  }

  /** Looks through the next sealed segment whose turn it is, or with `all` through each. */
  async run(sealed: readonly Segment[], all: boolean): Promise<void> {
    const now = this.#options.clock.monotonic();
    for (const segment of sealed) {
      const lookedAt = this.#lookedAt.get(segment.number);
      if (!all && lookedAt !== undefined && lookedAt + AGAIN_MS > now) continue;
      this.#lookedAt.set(segment.number, now);
      await this.#look(segment);
      if (!all) return;
    }
  }

  async #look(segment: Segment): Promise<void> {
    const { disk, directory, facts, logger, chainEnd } = this.#options;
    const isDead = this.#deadIn(segment);
    const { dead, all } = await measure(segment, chainEnd(segment), isDead);
    if (dead <= all * COMPACT_ABOVE) return;
    await compactSegment(disk, directory, facts, segment, chainEnd(segment), isDead);
    logger.info({ segment: segment.number, bytes: dead }, 'gave back space of facts that nobody needs');
  }

  #deadIn(segment: Segment): (record: BatchReader) => boolean {
    const { facts, clock, isRetired } = this.#options;
    const before = clock.now() - GRACE_MS;
    const begins = new Map<string, boolean>();
    const beginsHere = (stream: string): boolean => {
      let here = begins.get(stream);
      if (here === undefined) {
        here = facts.index?.runsFrom(stream, 0, 1)[0]?.segment === segment.number;
        begins.set(stream, here);
      }
      return here;
    };
    return (record) => {
      const { stream } = record;
      if (record.revision < facts.stream(stream).firstLive()) return true;
      const mayGo = record.header.recordedAt < before && isRetired(stream, record.position);
      return mayGo && beginsHere(stream);
    };
  }
}

/** Bytes of the records of a segment. */
async function measure(
  segment: Segment,
  endHash: Buffer,
  isDead: (record: BatchReader) => boolean,
): Promise<{ readonly dead: number; readonly all: number }> {
  let dead = 0;
  let all = 0;
  const scanner = new BatchScanner(segment.file);
  scanner.hash = segment.header.chain;
  if (!segment.header.compacted) scanner.endHash = endHash;
  for (
    let found = await scanner.next(segment.end);
    found !== undefined;
    found = await scanner.next(segment.end)
  ) {
    const record = new BatchReader(found.bytes, found.header);
    while (record.next()) {
      const bytes = RECORD_HEADER + record.data().length;
      all += bytes;
      if (record.kind === RECORD_EVENT && isDead(record)) dead += bytes;
    }
  }
  return { dead, all };
}
