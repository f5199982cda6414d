import { LogError } from '../../log-error.ts';
import type { RetentionClass } from '../../retention.ts';
import { BATCH_HEADER, decodeBatchHeader } from './format.ts';
import type { Segment } from './segment.ts';

/** How far a family of files was durable at least. */
export interface Mark {
  /** Number of its newest segment. */
  readonly segment: number;
  /** Behind the last batch in it. */
  readonly offset: number;
  /** Where that batch starts; 0: there is none. */
  readonly batchOffset: number;
  /** Hash of that batch, or without one of the last batch before the segment; hex. */
  readonly hash: string;
}

/**
 * What a family has lost, compared with how far it is known to have gone; undefined: nothing. A compacted segment says by
 * its header what it stands for.
 *
 * @param lastNumber of the segments that are there, or were dropped on purpose
 */
export async function lossOf(
  family: RetentionClass,
  mark: Mark,
  segments: readonly Segment[],
  lastNumber: number,
): Promise<string | undefined> {
  if (lastNumber < mark.segment) {
    const files = lastNumber + 1 === mark.segment ? 'segment' : `segments ${lastNumber + 1} to`;
    return `${family}: ${files} ${mark.segment} is missing`;
  }
  const segment = segments.find(({ number }) => number === mark.segment);
  if (segment === undefined || segment.header.compacted) return undefined;
  if (segment.end < mark.offset) {
    return `${segment.path}: ends at offset ${segment.end}, ${mark.offset} was durable`;
  }
  if ((await hashAt(segment, mark)) === mark.hash) return undefined;
  return `${segment.path}, offset ${mark.batchOffset}: another batch than the one that was written`;
}

async function hashAt(segment: Segment, mark: Mark): Promise<string | undefined> {
  if (mark.batchOffset === 0) return segment.header.chain.toString('hex');
  const bytes = Buffer.alloc(BATCH_HEADER);
  await segment.file.read(bytes, mark.batchOffset);
  return decodeBatchHeader(bytes)?.hash.toString('hex');
}

export function lost(what: string): LogError {
  return new LogError(
    'LOG_LOST',
    `the log has lost something: ${what}. Restore a backup, or go on without it: commucat log restored --accept-loss`,
  );
}
