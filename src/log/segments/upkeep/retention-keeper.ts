import { retentionOf } from '../../../events/retention.ts';
import { STREAMS } from '../../../events/streams.ts';
import type { CancelTimer, Clock } from '../../../ports/ports.ts';
import type { StreamMetadata } from '../../event-log.ts';
import type { LogLogger } from '../../log-logger.ts';
import type { CategoryRetention, RetentionClass } from '../../retention.ts';
import type { Disk } from '../disk/disk.ts';
import type { Family } from '../families/family.ts';
import type { Manifest } from '../files/manifest.ts';
import { endHashOf } from '../files/recovery.ts';
import type { Segment } from '../files/segment.ts';
import { runFilePath } from '../index/run-file.ts';
import type { StreamEntry } from '../index/stream-entry.ts';
import { compactSegment } from './compaction.ts';
import { FactsKeeper, GRACE_MS, type IsRetired } from './facts-keeper.ts';

export interface RetentionOptions {
  readonly directory: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: LogLogger;
  readonly families: Readonly<Record<RetentionClass, Family>>;
  readonly manifest: Manifest;
  readonly metadata: ReadonlyMap<string, StreamMetadata>;
}

const DAY_MS = 86_400_000;
const SOON_MS = 1000;
const REGULARLY_MS = 60_000;
/** A sealed mail segment with a smaller share of live letters is rewritten. */
const COMPACT_BELOW = 0.25;

type AppendHead = (entry: StreamEntry) => Promise<void>;

/**
 * Gives space back: mail segments whose letters are all gone, journal segments whose events are all too old, and the dead
 * part of mail segments that a few letters keep, and of segments of facts. The newest segment of a family is never touched.
 */
export class Retention {
  readonly #options: RetentionOptions;
  readonly #factsKeeper: FactsKeeper;
  #isRetired: IsRetired = () => false;
  #appendHead: AppendHead | undefined;
  #opened: { readonly newestAt: number | undefined; readonly monotonic: number } = {
    newestAt: undefined,
    monotonic: 0,
  };
  #compacted: () => Promise<void> = async () => undefined;
  #cancel: CancelTimer | undefined;
  /** When the timer that runs is over, in monotonic milliseconds. */
  #due = 0;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: RetentionOptions) {
    this.#options = options;
    const { families, ...common } = options;
    const chainEnd = (segment: Segment): Buffer => this.chainEnd(families.facts, segment);
    const isRetired: IsRetired = (stream, position) => this.#isRetired(stream, position);
    this.#factsKeeper = new FactsKeeper({ ...common, facts: families.facts, isRetired, chainEnd });
  }

  /** Tells which streams are over: of facts, see `FactsKeeper`; of mail, whose revisions then need not be remembered. */
  retire(isRetired: IsRetired): void {
    this.#isRetired = isRetired;
  }

  /** @param compacted called when segments may have been rewritten */
  /** @param newestAt date of the newest event that the log had when it was opened */
  start(appendHead: AppendHead, compacted: () => Promise<void>, newestAt: number | undefined): void {
    this.#opened = { newestAt, monotonic: this.#options.clock.monotonic() };
    this.#appendHead = appendHead;
    this.#compacted = compacted;
    this.#wait(REGULARLY_MS);
  }

  /** Something died: looks soon. */
  changed(): void {
    const { mail } = this.#options.families;
    if (mail.segments.some((segment) => this.#isSealed(mail, segment) && isSparse(segment))) {
      this.#wait(SOON_MS);
    }
  }

  /** @param all whether to look through all segments of facts, and not only through the next one */
  run(all = false): Promise<void> {
    this.#running = this.#running.then(() => this.#run(all));
    return this.#running;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#running;
  }

  /** Looks after this time, or earlier if that was to be: who asks over and over puts nothing off. */
  #wait(delayMs: number): void {
    const { clock } = this.#options;
    const due = clock.monotonic() + delayMs;
    if (this.#stopped || (this.#cancel !== undefined && this.#due <= due)) return;
    this.#cancel?.();
    this.#due = due;
    this.#cancel = clock.after(delayMs, () => {
      this.#cancel = undefined;
      void this.run().finally(() => this.#wait(REGULARLY_MS));
    });
  }

  /** What fails here costs space, not events: it is said and tried again later. */
  async #run(all: boolean): Promise<void> {
    try {
      this.#expireMail();
      await this.#keepMail();
      await this.#keepJournal();
      const { facts } = this.#options.families;
      await this.#factsKeeper.run(
        facts.segments.filter((segment) => this.#isSealed(facts, segment)),
        all,
      );
      await this.#compacted();
    } catch (error) {
      this.#options.logger.warn({ error }, 'cannot give back space of the log');
    }
  }

  #expireMail(): void {
    const { mail } = this.#options.families;
    const now = this.#options.clock.now();
    for (const [stream, { maxAge }] of this.#options.metadata) {
      if (maxAge === undefined || retentionOf(stream) !== 'mail') continue;
      const entry = mail.stream(stream);
      for (let i = 0; i + 1 < entry.runs.count; ) {
        const end = this.#lastTime(mail, mail.segment(entry.runs.segmentAt(i)));
        if (end === undefined || end + maxAge * 1000 > now) break;
        mail.truncateTo(entry, entry.runs.firstRevisionAt(i + 1));
      }
    }
  }

  async #keepMail(): Promise<void> {
    const { mail } = this.#options.families;
    for (const segment of mail.segments) {
      if (this.#stopped || !this.#isSealed(mail, segment) || !isSparse(segment)) continue;
      await this.#carryHeads(mail, segment);
      const chainEnd = this.chainEnd(mail, segment);
      if (segment.live === 0) await this.#drop(mail, segment, chainEnd);
      else await compactSegment(this.#options.disk, this.#options.directory, mail, segment, chainEnd);
    }
  }

  /** Streams whose last record goes with the segment leave their last revision in the newest one. */
  async #carryHeads(mail: Family, segment: Segment): Promise<void> {
    if (segment.newestOf === 0) return;
    const work: Promise<void>[] = [];
    for (const entry of mail.streams.values()) {
      if (entry.newest !== segment || entry.firstLive() <= entry.durable) continue;
      if (this.#isForgotten(entry, segment)) mail.forget(entry);
      else work.push(this.#append(entry));
    }
    await Promise.all(work);
  }

  /** Whether a stream without live events has been over for so long that nothing about it can be on its way. */
  #isForgotten(entry: StreamEntry, { header }: Segment): boolean {
    if (entry.accepted !== entry.durable || !this.#isRetired(entry.name, header.firstPosition)) return false;
    const now = this.#options.clock.monotonic();
    entry.overSince ??= now;
    return entry.overSince + GRACE_MS < now;
  }

  async #append(entry: StreamEntry): Promise<void> {
    await this.#appendHead?.(entry);
  }

  async #keepJournal(): Promise<void> {
    const { journal } = this.#options.families;
    const now = this.#credibleDate();
    const maxAge = this.#longestJournalAge() * 1000;
    for (const segment of journal.segments) {
      const last = this.#lastTime(journal, segment);
      if (this.#stopped || !this.#isSealed(journal, segment) || last === undefined || last + maxAge > now) {
        return;
      }
      await this.#drop(journal, segment, this.chainEnd(journal, segment));
    }
  }

  /** A date is believed as far as time has passed since the newest event of the log, and a day: one that jumped drops nothing. */
  #credibleDate(): number {
    const { clock } = this.#options;
    const { newestAt, monotonic } = this.#opened;
    if (newestAt === undefined) return clock.now();
    return Math.min(clock.now(), newestAt + (clock.monotonic() - monotonic) + DAY_MS);
  }

  #longestJournalAge(): number {
    let longest = 0;
    for (const { retention: kept } of Object.values(STREAMS)) {
      const { retention, maxAge }: CategoryRetention = kept;
      if (retention === 'journal') longest = Math.max(longest, maxAge ?? Number.POSITIVE_INFINITY);
    }
    for (const [stream, { maxAge }] of this.#options.metadata) {
      if (maxAge !== undefined && retentionOf(stream) === 'journal') longest = Math.max(longest, maxAge);
    }
    return longest;
  }

  /** The manifest first: a file that it does not name as dropped must be there. */
  async #drop(family: Family, segment: Segment, chainEnd: Buffer): Promise<void> {
    const { manifest, disk, logger } = this.#options;
    const next = family.segments.find(({ number }) => number > segment.number);
    await manifest.drop(family.name, {
      from: segment.number,
      to: segment.number,
      lastPosition: (next?.header.firstPosition ?? 1) - 1,
      chainBefore: segment.header.chain.toString('hex'),
      chain: chainEnd.toString('hex'),
    });
    family.removeSegment(segment);
    await family.index?.drop(segment.number)?.close();
    await segment.release();
    await disk.remove(segment.path);
    await disk.remove(runFilePath(segment.path));
    logger.info({ family: family.name, segment: segment.number }, 'dropped a segment of the log');
  }

  /** Hash of the last batch of a sealed segment, as it was written. */
  chainEnd(family: Family, segment: Segment): Buffer {
    if (segment.header.compacted) return segment.header.chainEnd;
    const next = family.segments.find(({ number }) => number > segment.number);
    const end = endHashOf(segment, next, this.#options.manifest.dropped(family.name));
    if (end === undefined) throw new Error(`${segment.path} is not sealed`);
    return end;
  }

  #isSealed(family: Family, segment: Segment): boolean {
    return segment.number < (family.segments.at(-1)?.number ?? 0) && segment !== family.writer?.head;
  }

  /** Nothing in the segment is younger, milliseconds. */
  #lastTime(family: Family, segment: Segment | undefined): number | undefined {
    if (segment === undefined) return undefined;
    return family.segments.find(({ number }) => number > segment.number)?.header.createdAt;
  }
}

function isSparse(segment: Segment): boolean {
  return segment.live === 0 || segment.live < segment.events * COMPACT_BELOW;
}
