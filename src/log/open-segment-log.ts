import { join } from 'node:path';
import type { Clock, Random } from '../protocol/ports.ts';
import { systemRandom } from '../system/index.ts';
import { BatchReader } from './batch-reader.ts';
import type { ScannedBatch } from './batch-scanner.ts';
import { COMPACTING } from './compaction.ts';
import type { Disk } from './disk.ts';
import type { StreamMetadata } from './event-log.ts';
import { Family, type FamilyOptions, type Positions } from './family.ts';
import { BATCH_HEADER, decodeBatchHeader, RECORD_EVENT, SEGMENT_HEADER } from './format.ts';
import {
  type FoundHistory,
  HISTORY_STREAM,
  type History,
  type HistoryCause,
  newEpoch,
  readHistory,
  writeHistory,
} from './history.ts';
import { IndexWriter } from './index-writer.ts';
import { LogLock } from './lock.ts';
import { LogError } from './log-error.ts';
import { LogIndex } from './log-index.ts';
import { type LogLogger, silentLogger } from './log-logger.ts';
import type { LogObserver } from './log-observer.ts';
import { Manifest } from './manifest.ts';
import { decodeMetadata, streamOfMetadata } from './metadata-stream.ts';
import { nodeDisk } from './node-disk.ts';
import { type Checkpoint, recoverFamily, type TornTail } from './recovery.ts';
import { RETENTION_CLASSES, type RetentionClass } from './retention.ts';
import { Retention } from './retention-keeper.ts';
import { openSegment, type Segment, segmentPath } from './segment.ts';
import { SegmentLog } from './segment-log.ts';
import { SegmentWriter } from './segment-writer.ts';

export interface SegmentLogOptions {
  /** Created when it does not exist. */
  readonly directory: string;
  readonly clock: Clock;
  /** @default the real one */
  readonly disk?: Disk;
  readonly logger?: LogLogger;
  readonly observer?: LogObserver;
  /** Bytes, 4096 to 2^31. @default 64 MiB */
  readonly segmentSize?: number;
  /** Where the id of a new history comes from. @default the real one */
  readonly random?: Random;
  /** The operator says that the files come from a backup: a new history begins. @default false */
  readonly restored?: boolean;
}

const SEGMENT_SIZE = 64 * 1024 * 1024;

/**
 * Opens a log for writing; there is one writer at a time. A torn tail is cut and reported in `tornTails`.
 *
 * @throws LogError `LOG_LOCKED`, `LOG_CORRUPT` (file, offset, what), `LOG_VERSION`
 */
export async function openSegmentLog(options: SegmentLogOptions): Promise<SegmentLog> {
  const disk = options.disk ?? nodeDisk;
  await disk.makeDirectory(options.directory);
  const lock = await LogLock.acquire(options.directory);
  try {
    await removeTemporary(disk, options.directory);
    const index = await LogIndex.open(options.directory);
    try {
      return await open(options, disk, lock, index);
    } catch (error) {
      await index.close();
      throw error;
    }
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

async function open(
  options: SegmentLogOptions,
  disk: Disk,
  lock: LogLock,
  index: LogIndex,
): Promise<SegmentLog> {
  const { directory, clock } = options;
  const logger = options.logger ?? silentLogger;
  const segmentSize = options.segmentSize ?? SEGMENT_SIZE;
  if (segmentSize < 4096 || segmentSize > 2 ** 31)
    throw new LogError('LOG_INVALID', 'segment size out of range');
  const manifest = await Manifest.read(disk, directory);
  const positions: Positions = { accepted: manifest.lastPosition() };
  const metadata = new Map<string, StreamMetadata>();
  const indexWriter = new IndexWriter(index, clock, logger, metadata);
  const checkpoints = await validCheckpoints(disk, directory, index);
  for (const known of index.metadata()) metadata.set(known.stream, known.metadata);
  const common = { segmentSize, positions, metadata, now: () => clock.now() };
  const make = (name: RetentionClass, of: LogIndex | undefined): Family =>
    new Family({ ...common, name, index: of } satisfies FamilyOptions);
  const families = {
    facts: make('facts', index),
    journal: make('journal', index),
    mail: make('mail', undefined),
  };
  const tornTails: TornTail[] = [];
  // Facts first: they tell of the metadata of all streams.
  for (const name of RETENTION_CLASSES) {
    const family = families[name];
    const apply = (segment: Segment, batch: ScannedBatch): Promise<void> | void => {
      applyScanned(families, family, metadata, indexWriter, segment, batch);
      if (!family.inMemory) return indexWriter.relieve(family);
    };
    const from = checkpoints.get(name);
    const recovered = await recoverFamily({
      disk,
      directory,
      family: name,
      manifest,
      repair: true,
      from,
      onSegments: (segments) => {
        for (const segment of segments) family.addSegment(segment);
      },
      onBatch: apply,
    });
    positions.accepted = Math.max(positions.accepted, recovered.lastPosition);
    const { tornTail, chain, lastNumber } = recovered;
    if (tornTail !== undefined) {
      tornTails.push(tornTail);
      logger.warn({ ...tornTail }, 'cut a torn tail off the log: a write that nobody was told of');
    }
    const writerOptions = { directory, family: name, clock, disk, logger, segmentSize };
    family.start(
      new SegmentWriter(writerOptions, recovered.segments.at(-1), chain, lastNumber),
      recovered.lastPosition,
    );
    indexWriter.changed(family);
  }
  const history = await openHistory(options, disk, families.facts);
  const retention = new Retention({ directory, disk, clock, logger, families, manifest, metadata, index });
  const release = (): Promise<void> => lock[Symbol.asyncDispose]();
  return new SegmentLog({
    clock,
    logger,
    observer: options.observer,
    families,
    positions,
    metadata,
    manifest,
    indexWriter,
    retention,
    tornTails,
    history,
    newestAt: await newestTime(families),
    release,
  });
}

/** The history that the files belong to; written anew, so that the file fits to these files and to no backup of them. */
async function openHistory(options: SegmentLogOptions, disk: Disk, facts: Family): Promise<History> {
  const { directory, random = systemRandom, logger = silentLogger } = options;
  const found = await readHistory(disk, directory);
  const cause = causeOf(found, options.restored === true, facts.stream(HISTORY_STREAM).durable >= 0);
  const history =
    found !== undefined && cause === undefined
      ? found
      : { epoch: newEpoch(random), cause: cause ?? 'created' };
  await writeHistory(disk, directory, history);
  if (cause !== undefined && cause !== 'created') {
    logger.warn({ epoch: history.epoch, cause }, 'a new history of the log begins: these files are a copy');
  }
  return history;
}

/** Why a new history begins; undefined: none does. */
function causeOf(
  found: FoundHistory | undefined,
  restored: boolean,
  wasNamed: boolean,
): HistoryCause | undefined {
  if (restored) return 'restored';
  if (found === undefined) return wasNamed ? 'lost' : 'created';
  return found.original ? undefined : 'copied';
}

/** `recordedAt` of the newest batch. */
async function newestTime(families: Readonly<Record<RetentionClass, Family>>): Promise<number | undefined> {
  let newest: number | undefined;
  for (const { segments } of Object.values(families)) {
    const segment = segments.at(-1);
    if (segment === undefined) continue;
    const bytes = Buffer.alloc(BATCH_HEADER);
    if (segment.lastBatch > 0) await segment.file.read(bytes, segment.lastBatch);
    newest = Math.max(newest ?? 0, decodeBatchHeader(bytes)?.recordedAt ?? segment.header.createdAt);
  }
  return newest;
}

function applyScanned(
  families: Readonly<Record<RetentionClass, Family>>,
  family: Family,
  metadata: Map<string, StreamMetadata>,
  indexWriter: IndexWriter,
  segment: Segment,
  batch: ScannedBatch,
): void {
  const reader = new BatchReader(batch.bytes, batch.header);
  let name = '';
  let entry = family.stream('-');
  while (reader.next()) {
    if (reader.stream !== name) {
      name = reader.stream;
      entry = family.stream(name);
    }
    const count = reader.kind === RECORD_EVENT ? 1 : 0;
    family.applyRun(entry, reader.revision, count, segment, batch.offset);
    entry.accepted = entry.durable;
    const about = family.name === 'facts' ? streamOfMetadata(name) : undefined;
    if (about === undefined) continue;
    const next = decodeMetadata(reader.data());
    metadata.set(about, next);
    indexWriter.metadataChanged(about);
    const known = families.facts.streams.get(about);
    if (known !== undefined) families.facts.applyMetadata(known, next);
  }
}

/** Where the index stands, family by family. One that does not fit to the segments is emptied as a whole. */
async function validCheckpoints(
  disk: Disk,
  directory: string,
  index: LogIndex,
): Promise<Map<RetentionClass, Checkpoint>> {
  const checkpoints = new Map<RetentionClass, Checkpoint>();
  for (const family of RETENTION_CLASSES) {
    const checkpoint = index.checkpoint(family);
    if (checkpoint === undefined) continue;
    if (await fits(disk, segmentPath(directory, family, checkpoint.segment), checkpoint)) {
      checkpoints.set(family, checkpoint);
      continue;
    }
    await index.clear();
    return new Map();
  }
  return checkpoints;
}

async function fits(disk: Disk, path: string, checkpoint: Checkpoint): Promise<boolean> {
  let segment: Segment | undefined;
  try {
    segment = await openSegment(disk, path, 'read');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  if (segment === undefined) return false;
  try {
    if (checkpoint.batchOffset === 0) {
      return checkpoint.offset === SEGMENT_HEADER && segment.header.chain.toString('hex') === checkpoint.hash;
    }
    const bytes = Buffer.alloc(BATCH_HEADER);
    await segment.file.read(bytes, checkpoint.batchOffset);
    const header = decodeBatchHeader(bytes);
    return (
      header?.hash.toString('hex') === checkpoint.hash &&
      checkpoint.batchOffset + header.length === checkpoint.offset
    );
  } finally {
    await segment.release();
  }
}

async function removeTemporary(disk: Disk, directory: string): Promise<void> {
  for (const name of await disk.list(directory)) {
    if (/\.(spare|tmp)$/.test(name) || name.endsWith(COMPACTING)) await disk.remove(join(directory, name));
  }
}
