import type { StreamMetadata } from '../../event-log.ts';
import type { LogLogger } from '../../log-logger.ts';
import type { LogObserver } from '../../log-observer.ts';
import type { Disk } from '../disk/disk.ts';
import { BatchReader } from '../files/batch-reader.ts';
import type { ScannedBatch } from '../files/batch-scanner.ts';
import { BATCH_HEADER, decodeBatchHeader, RECORD_EVENT, SEGMENT_HEADER } from '../files/format.ts';
import type { RecoveryOptions } from '../files/recovery.ts';
import type { Segment } from '../files/segment.ts';
import { decodeMetadata, streamOfMetadata } from '../index/metadata-stream.ts';
import { type OpenedRuns, openRunFile } from '../index/run-file.ts';
import type { StreamEntry } from '../index/stream-entry.ts';
import type { Family } from './family.ts';
import { type IndexWriter, indexBatch } from './index-writer.ts';

export interface IndexingOptions {
  readonly disk: Disk;
  readonly logger: LogLogger;
  readonly observer: LogObserver | undefined;
  readonly family: Family;
  readonly metadata: Map<string, StreamMetadata>;
  readonly indexWriter: IndexWriter;
}

/** How a family learns where its streams are while it is recovered. */
export function indexing(
  options: IndexingOptions,
): Pick<RecoveryOptions, 'isKnown' | 'onBatch' | 'onSealed'> {
  const { disk, logger, observer, family, metadata, indexWriter } = options;
  const { index } = family;
  if (index === undefined) return { onBatch: (segment, batch) => applyScanned(family, segment, batch) };
  return {
    async isKnown(segment, chainEnd) {
      const opened = await openRunFile(disk, { segment, chainEnd });
      if (typeof opened !== 'string' && (await endsAsKnown(segment, opened, chainEnd))) {
        segment.end = opened.end;
        segment.lastBatch = opened.lastBatch;
        index.replace(opened.runs);
        for (const [stream, known] of opened.metadata) metadata.set(stream, known);
        return true;
      }
      if (typeof opened !== 'string') await opened.runs.close();
      const problem = typeof opened === 'string' ? opened : 'the segment ends differently';
      const reason = problem === 'missing' ? 'missing' : 'damaged';
      observer?.indexRebuilt(reason);
      const fields = { file: segment.path, problem };
      if (reason === 'missing') logger.info(fields, 'makes the index of a segment of the log');
      else logger.warn(fields, 'the index of a segment of the log is damaged: made anew');
      return false;
    },
    onBatch(segment, batch) {
      indexBatch(index.table(segment.number), batch);
      if (family.name === 'facts') readMetadata(batch, metadata);
    },
    // One segment at a time, so that memory holds the runs of one.
    onSealed: () => indexWriter.run(),
  };
}

/** The one look at a segment that is not scanned: its last batch stands where the run file says. */
async function endsAsKnown(segment: Segment, known: OpenedRuns, chainEnd: Buffer): Promise<boolean> {
  const { file, header } = segment;
  const { lastBatch, end } = known;
  if (lastBatch === 0) return end === SEGMENT_HEADER;
  const bytes = Buffer.alloc(BATCH_HEADER);
  await file.read(bytes, lastBatch);
  const batch = decodeBatchHeader(bytes);
  if (batch === undefined || lastBatch + batch.length !== end) return false;
  return header.compacted || batch.hash.equals(chainEnd);
}

function applyScanned(family: Family, segment: Segment, batch: ScannedBatch): void {
  const reader = new BatchReader(batch.bytes, batch.header);
  let entry: StreamEntry | undefined;
  while (reader.next()) {
    if (entry?.name !== reader.stream) entry = family.stream(reader.stream);
    const count = reader.kind === RECORD_EVENT ? 1 : 0;
    family.applyRun(entry, reader.revision, count, segment, batch.offset);
    entry.accepted = entry.durable;
  }
}

/** The newest metadata of a stream counts, whatever its class. */
function readMetadata(batch: ScannedBatch, metadata: Map<string, StreamMetadata>): void {
  const reader = new BatchReader(batch.bytes, batch.header);
  while (reader.next()) {
    const about = streamOfMetadata(reader.stream);
    if (about !== undefined) metadata.set(about, decodeMetadata(reader.data()));
  }
}
