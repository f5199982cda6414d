import { join } from 'node:path';
import type { HistoryCause } from '../../events/events.ts';
import { STREAMS } from '../../events/streams.ts';
import { unknownWords } from '../../events/vocabulary.ts';
import type { Clock, Random } from '../../ports/ports.ts';
import { systemRandom } from '../../system/index.ts';
import type { StreamMetadata } from '../event-log.ts';
import { LogError } from '../log-error.ts';
import { type LogLogger, silentLogger } from '../log-logger.ts';
import type { LogObserver } from '../log-observer.ts';
import { RETENTION_CLASSES, type RetentionClass } from '../retention.ts';
import type { Disk } from './disk/disk.ts';
import { guardedDisk } from './disk/guarded-disk.ts';
import { LogLock, type WriteLock } from './disk/lock.ts';
import { watchLock } from './disk/lock-watch.ts';
import { nodeDisk } from './disk/node-disk.ts';
import { Family, type FamilyOptions, type Positions } from './families/family.ts';
import { indexing } from './families/family-indexing.ts';
import { IndexWriter } from './families/index-writer.ts';
import { SegmentWriter } from './families/segment-writer.ts';
import { BATCH_HEADER, decodeBatchHeader } from './files/format.ts';
import { Manifest } from './files/manifest.ts';
import { recoverFamily, type TornTail } from './files/recovery.ts';
import type { Segment } from './files/segment.ts';
import { StreamIndex } from './index/stream-index.ts';
import { SegmentLog } from './segment-log.ts';
import { COMPACTING } from './upkeep/compaction.ts';
import { type FoundHistory, type History, newEpoch, readHistory } from './upkeep/history.ts';
import { HistoryKeeper } from './upkeep/history-keeper.ts';
import { Retention } from './upkeep/retention-keeper.ts';

export interface SegmentLogOptions {
  /** Created when it does not exist. */
  readonly directory: string;
  readonly clock: Clock;
  /** @default the real one */
  readonly disk?: Disk;
  /** Takes the lock. @default the one in the file `lock` of the directory, kept by the kernel */
  readonly lock?: (directory: string, random: Random) => Promise<WriteLock>;
  readonly logger?: LogLogger;
  readonly observer?: LogObserver;
  /** Another process writes this log now: nothing is written any more, and the process should end at once. Called once. */
  readonly onLost?: (error: LogError) => void;
  /** Bytes, 4096 to 2^31. @default 64 MiB */
  readonly segmentSize?: number;
  /** Where the ids of this opening and of a new history come from. @default the real one */
  readonly random?: Random;
  /** The operator says that the files come from a backup: a new history begins. @default false */
  readonly restored?: boolean;
  /** The operator goes on without what is lost: a new history begins. @default false */
  readonly acceptLoss?: boolean;
}

const SEGMENT_SIZE = 64 * 1024 * 1024;

/**
 * Opens a log for writing; there is one writer at a time. A torn tail is cut and reported in `tornTails`.
 *
 * @throws LogError `LOG_LOCKED`, `LOG_CORRUPT` (file, offset, what), `LOG_LOST`, `LOG_VERSION`
 */
export async function openSegmentLog(options: SegmentLogOptions): Promise<SegmentLog> {
  const { directory, random = systemRandom, onLost } = options;
  await (options.disk ?? nodeDisk).makeDirectory(directory);
  const lock = await (options.lock ?? LogLock.acquire)(directory, random);
  if (onLost !== undefined) lock.onLost = onLost;
  const disk = guardedDisk(options.disk ?? nodeDisk, lock);
  try {
    await removeLeftOvers(disk, directory);
    return await open(options, disk, lock);
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

async function open(options: SegmentLogOptions, disk: Disk, lock: WriteLock): Promise<SegmentLog> {
  const { directory, clock, observer } = options;
  const logger = options.logger ?? silentLogger;
  const segmentSize = options.segmentSize ?? SEGMENT_SIZE;
  if (segmentSize < 4096 || segmentSize > 2 ** 31) {
    throw new LogError('LOG_INVALID', 'segment size out of range');
  }
  const manifest = await Manifest.read(disk, directory);
  const found = await findHistory(options, disk);
  const positions: Positions = { accepted: manifest.lastPosition() };
  const metadata = new Map<string, StreamMetadata>();
  const families = makeFamilies({ segmentSize, positions, metadata, now: () => clock.now() });
  const retention = new Retention({ directory, disk, clock, logger, families, manifest, metadata });
  const chainEnd = retention.chainEnd.bind(retention);
  const indexWriter = new IndexWriter({ disk, clock, logger, observer, metadata, chainEnd });
  const tornTails: TornTail[] = [];
  const losses: string[] = [];
  const onLoss = options.acceptLoss === true ? (what: string) => void losses.push(what) : undefined;
  // Facts first: they tell of the metadata of all streams.
  try {
    for (const name of RETENTION_CLASSES) {
      const family = families[name];
      indexWriter.start(family);
      const indexed = indexing({ disk, logger, observer, family, metadata, indexWriter });
      const onSegments = (segments: readonly Segment[]): void => {
        for (const segment of segments) family.addSegment(segment);
      };
      const common = {
        disk,
        directory,
        family: name,
        manifest,
        repair: true,
        mark: found?.marks[name],
        onLoss,
      };
      const recovered = await recoverFamily({ ...common, onSegments, ...indexed });
      positions.accepted = Math.max(positions.accepted, recovered.lastPosition);
      const { tornTail, chain, lastNumber } = recovered;
      if (tornTail !== undefined) {
        tornTails.push(tornTail);
        logger.warn({ ...tornTail }, 'cut a torn tail off the log: a write that nobody was told of');
      }
      const writerOptions = { directory, family: name, clock, disk, logger, segmentSize };
      family.start(new SegmentWriter(writerOptions, recovered.segments.at(-1), chain, lastNumber));
    }
  } catch (error) {
    await indexWriter.close();
    throw error;
  }
  const history = historyOf(options, found, losses.length > 0, families.facts);
  const historyKeeper = new HistoryKeeper({ disk, directory, clock, logger, history, families });
  // Anew at each start: so it fits to these files and to no backup of them.
  await historyKeeper.write();
  const stopWatching = watchLock(lock, clock, logger);
  const release = async (): Promise<void> => {
    stopWatching();
    await lock[Symbol.asyncDispose]();
  };
  return new SegmentLog({
    clock,
    logger,
    observer,
    families,
    positions,
    metadata,
    manifest,
    indexWriter,
    retention,
    tornTails,
    history,
    historyKeeper,
    losses,
    newestAt: await newestTime(families),
    release,
  });
}

/** The history that the files belong to: the one that was found, or a new one. */
function historyOf(
  options: SegmentLogOptions,
  found: FoundHistory | undefined,
  hasLost: boolean,
  facts: Family,
): History {
  const { random = systemRandom, logger = silentLogger, restored = false } = options;
  const wasNamed = facts.stream(STREAMS.history.stream).durable >= 0;
  const cause = hasLost ? 'lost' : restored ? 'restored' : causeOf(found, wasNamed);
  if (found !== undefined && cause === undefined) return found;
  const history = { epoch: newEpoch(random), cause: cause ?? 'created' };
  if (history.cause !== 'created') logger.warn({ ...history }, 'a new history of the log begins');
  return history;
}

/** Why a new history begins; undefined: none does. */
function causeOf(found: FoundHistory | undefined, wasNamed: boolean): HistoryCause | undefined {
  if (found === undefined) return wasNamed ? 'lost' : 'created';
  return found.original ? undefined : 'copied';
}

/** Whoever starts an older program on the log of a newer one should hear of it now, not at the first event that it meets. */
function refuseNewer(directory: string, { events }: FoundHistory): void {
  const newer = unknownWords(events);
  if (newer.length === 0) return;
  throw new LogError(
    'LOG_VERSION',
    `${directory} was written by a newer program, which knows ${newer.join(', ')}: use that one, or restore a backup from before`,
  );
}

/** A history that cannot be read stops the start, unless the operator begins another one anyway. */
async function findHistory(options: SegmentLogOptions, disk: Disk): Promise<FoundHistory | undefined> {
  try {
    const found = await readHistory(disk, options.directory);
    if (found !== undefined) refuseNewer(options.directory, found);
    return found;
  } catch (error) {
    if (!(error instanceof LogError && error.code === 'LOG_CORRUPT')) throw error;
    if (options.restored === true) return undefined;
    const remedy = 'restore a backup of it, or go on with a new history: commucat log restored';
    throw new LogError('LOG_CORRUPT', `${error.message}; ${remedy}`, { cause: error.cause });
  }
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

function makeFamilies(
  common: Omit<FamilyOptions, 'name' | 'index'>,
): Readonly<Record<RetentionClass, Family>> {
  return {
    facts: new Family({ ...common, name: 'facts', index: new StreamIndex() }),
    journal: new Family({ ...common, name: 'journal', index: new StreamIndex() }),
    mail: new Family({ ...common, name: 'mail', index: undefined }),
  };
}

/** Work in progress of a process that is gone, and what older versions kept: an index in another form. */
async function removeLeftOvers(disk: Disk, directory: string): Promise<void> {
  const names = await disk.list(directory);
  for (const name of names) {
    const isOrphan = name.endsWith('.idx') && !names.includes(name.replace(/\.idx$/, '.seg'));
    const isLeftOver = /\.(spare|tmp)$/.test(name) || name.endsWith(COMPACTING) || name === 'index';
    if (isOrphan || isLeftOver) await disk.remove(join(directory, name));
  }
}
