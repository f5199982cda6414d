import type { Clock } from '../../ports/ports.ts';
import type { RecordedEvent } from '../event-log.ts';
import { LogError } from '../log-error.ts';
import { categoryOf, RETENTION_CLASSES, type RetentionClass } from '../retention.ts';
import type { Disk } from './disk/disk.ts';
import { isLocked } from './disk/lock.ts';
import { nodeDisk } from './disk/node-disk.ts';
import { Family } from './families/family.ts';
import { BatchReader } from './files/batch-reader.ts';
import type { ScannedBatch } from './files/batch-scanner.ts';
import { batchHash, RECORD_EVENT } from './files/format.ts';
import { Manifest } from './files/manifest.ts';
import { corrupt, openSegments, recoverFamily, type TornTail } from './files/recovery.ts';
import type { Segment } from './files/segment.ts';
import { LogReader } from './log-reader.ts';
import { type History, readHistory } from './upkeep/history.ts';

export interface InspectOptions {
  /** For waiting while a server is in the middle of a write. */
  readonly clock: Clock;
  /** @default the real one */
  readonly disk?: Disk;
  /** Called after each batch with what was read so far. */
  readonly onProgress?: (progress: { readonly family: RetentionClass; readonly bytes: number }) => void;
}

export interface FamilyReport {
  readonly family: RetentionClass;
  readonly segments: number;
  readonly batches: number;
  readonly events: number;
  /** Of batches, not of the files: those are allocated ahead. */
  readonly bytes: number;
  readonly lastPosition: number;
  /** Hash of the last batch, hex: the whole history of the family in one value. */
  readonly chain: string;
  /** Events by category; all that the files hold, truncated ones too. */
  readonly categories: Readonly<Record<string, number>>;
  /** Milliseconds since the Unix epoch; undefined without events. */
  readonly oldest: number | undefined;
  readonly newest: number | undefined;
}

export interface Damage {
  readonly family: RetentionClass;
  /** File, offset and what is wrong. */
  readonly message: string;
}

export interface HistoryReport extends History {
  /** False: these files are a copy; a server that opens them begins a new history. */
  readonly original: boolean;
}

export interface LogReport {
  /** Undefined: no version that names histories has written this log. */
  readonly history: HistoryReport | undefined;
  /** A process is writing: the newest batch may be on its way, which is no damage. */
  readonly live: boolean;
  /** Position of the newest event, dropped ones included; 0 in an empty log. */
  readonly headPosition: number;
  readonly families: readonly FamilyReport[];
  readonly tornTails: readonly TornTail[];
  readonly damage: readonly Damage[];
}

const RETRIES = 5;
const RETRY_MS = 200;

/**
 * Reads the whole log and checks headers, checksums, hashes and the chain through all segments. Changes nothing, takes no
 * lock, works while a server writes. Reading a family ends at its first damage.
 */
export function verifyLog(directory: string, options: InspectOptions): Promise<LogReport> {
  return report(directory, options, true);
}

/** The same figures without computing the hashes. */
export function logStats(directory: string, options: InspectOptions): Promise<LogReport> {
  return report(directory, options, false);
}

async function report(directory: string, options: InspectOptions, hashes: boolean): Promise<LogReport> {
  const live = await isLocked(directory);
  const families: FamilyReport[] = [];
  const tornTails: TornTail[] = [];
  const damage: Damage[] = [];
  for (const family of RETENTION_CLASSES) {
    // What a server changes under our eyes (a batch half written, a segment dropped) looks different the next time.
    for (let attempt = 1; ; attempt++) {
      const result = await inspectFamily(directory, family, options, hashes, live);
      if (live && result.damage !== undefined && attempt < RETRIES) {
        await new Promise<void>((resolve) => options.clock.after(RETRY_MS, resolve));
        continue;
      }
      families.push(result.report);
      if (result.tornTail !== undefined) tornTails.push(result.tornTail);
      if (result.damage !== undefined) damage.push({ family, message: result.damage });
      break;
    }
  }
  const history = await historyOf(directory, options);
  const dropped = await lastDropped(directory, options);
  const headPosition = Math.max(dropped, ...families.map(({ lastPosition }) => lastPosition));
  return { live, history, headPosition, families, tornTails, damage };
}

/** What is wrong with the file itself every family has reported. */
async function lastDropped(directory: string, options: InspectOptions): Promise<number> {
  const manifest = await Manifest.read(options.disk ?? nodeDisk, directory).catch(() => undefined);
  return manifest?.lastPosition() ?? 0;
}

/** What is wrong with the file itself every family has reported. */
async function historyOf(directory: string, options: InspectOptions): Promise<HistoryReport | undefined> {
  const found = await readHistory(options.disk ?? nodeDisk, directory).catch(() => undefined);
  return found === undefined
    ? undefined
    : { epoch: found.epoch, cause: found.cause, original: found.original };
}

async function inspectFamily(
  directory: string,
  family: RetentionClass,
  options: InspectOptions,
  hashes: boolean,
  live: boolean,
): Promise<{ report: FamilyReport; tornTail: TornTail | undefined; damage: string | undefined }> {
  const disk = options.disk ?? nodeDisk;
  const categories: Record<string, number> = {};
  const count = { segments: 0, batches: 0, events: 0, bytes: 0, lastPosition: 0, chain: '' };
  const time: { oldest: number | undefined; newest: number | undefined } = {
    oldest: undefined,
    newest: undefined,
  };
  let segments: readonly Segment[] = [];
  let tornTail: TornTail | undefined;
  let damage: string | undefined;
  const onBatch = (segment: Segment, batch: ScannedBatch): void => {
    const { header, bytes, offset } = batch;
    if (hashes && !batchHash(bytes).equals(header.hash)) {
      throw corrupt(segment.path, offset, 'hash of a batch');
    }
    count.batches += 1;
    count.bytes += header.length;
    count.lastPosition = header.lastPosition;
    count.chain = header.hash.toString('hex');
    time.oldest ??= header.recordedAt;
    time.newest = header.recordedAt;
    const reader = new BatchReader(bytes, header);
    while (reader.next()) {
      if (reader.kind !== RECORD_EVENT) continue;
      count.events += 1;
      const category = categoryOf(reader.stream);
      categories[category] = (categories[category] ?? 0) + 1;
    }
    options.onProgress?.({ family, bytes: count.bytes });
  };
  try {
    // Before the files: what it says of them may only be less than they hold.
    const mark = (await readHistory(disk, directory))?.marks[family];
    const manifest = await Manifest.read(disk, directory);
    const recovered = await recoverFamily({
      disk,
      directory,
      family,
      manifest,
      repair: false,
      live,
      mark,
      onBatch,
      onSegments: (opened) => {
        segments = opened;
      },
    });
    tornTail = recovered.tornTail;
    const { unfinished } = recovered;
    if (unfinished !== undefined) {
      damage = `${unfinished.file}, offset ${unfinished.offset}: ${unfinished.reason}`;
    }
  } catch (error) {
    if (!(error instanceof LogError) && !(live && isGone(error))) throw error;
    damage = error instanceof Error ? error.message : String(error);
  } finally {
    for (const segment of segments) await segment.release();
  }
  return { report: { family, ...count, ...time, segments: segments.length, categories }, tornTail, damage };
}

export interface TailOptions extends InspectOptions {
  /** Goes on with what is appended, until aborted. @default false */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

const FOLLOW_MS = 250;

/** The last `count` events in position order, truncated ones too as long as the files have them. */
export async function* tailLog(
  directory: string,
  count: number,
  options: TailOptions,
): AsyncIterable<RecordedEvent> {
  const last: RecordedEvent[] = [];
  let position = 0;
  for await (const event of readDirectory(directory, 0, options)) {
    position = event.position;
    last.push({ ...event, data: Uint8Array.from(event.data) });
    if (last.length > count) last.shift();
  }
  yield* last;
  while (options.follow === true && options.signal?.aborted !== true) {
    await pause(options);
    for await (const event of readDirectory(directory, position, options)) {
      position = event.position;
      yield event;
    }
  }
}

function pause({ clock, signal }: TailOptions): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      cancel();
      signal?.removeEventListener('abort', wake);
      resolve();
    };
    const cancel = clock.after(FOLLOW_MS, wake);
    signal?.addEventListener('abort', wake);
  });
}

/** The event at a position, or all events of a stream that the files still have. */
export async function* showEvent(
  directory: string,
  what: { readonly position: number } | { readonly stream: string },
  options: InspectOptions,
): AsyncIterable<RecordedEvent> {
  const after = 'position' in what ? what.position - 1 : 0;
  for await (const event of readDirectory(directory, after, options)) {
    if ('stream' in what) {
      if (event.stream === what.stream) yield event;
      continue;
    }
    if (event.position === what.position) yield event;
    if (event.position >= what.position) return;
  }
}

/** All events above a position that the files still have, in order. @throws LogError `LOG_CORRUPT` */
export async function* readDirectory(
  directory: string,
  after: number,
  options: InspectOptions,
): AsyncIterable<RecordedEvent> {
  const disk = options.disk ?? nodeDisk;
  const manifest = await Manifest.read(disk, directory);
  const opened: Segment[] = [];
  const open = async (name: RetentionClass): Promise<Family> => {
    const common = { metadata: new Map(), now: () => 0, index: undefined, segmentSize: 0 };
    const family = new Family({ ...common, name, positions: { accepted: 0 } });
    const { segments } = await openSegments({
      disk,
      directory,
      family: name,
      manifest,
      repair: false,
      live: true,
    });
    for (const segment of segments) family.addSegment(segment);
    opened.push(...segments);
    return family;
  };
  try {
    const families = { facts: await open('facts'), journal: await open('journal'), mail: await open('mail') };
    const headPosition = (): number => Number.POSITIVE_INFINITY;
    const reader = new LogReader({ families, manifest, now: () => 0, headPosition });
    yield* reader.readAll({ after });
  } finally {
    for (const segment of opened) await segment.release();
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
