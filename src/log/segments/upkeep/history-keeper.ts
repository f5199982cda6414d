import type { CancelTimer, Clock } from '../../../ports/ports.ts';
import type { LogLogger } from '../../log-logger.ts';
import { RETENTION_CLASSES, type RetentionClass } from '../../retention.ts';
import type { Disk } from '../disk/disk.ts';
import type { Family } from '../families/family.ts';
import { type History, type Marks, writeHistory } from './history.ts';

/** What a loss of the newest events within this time leaves unseen; segments as such are noted when they begin. */
const MARK_MS = 10_000;

export interface HistoryKeeperOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: LogLogger;
  readonly history: History;
  readonly families: Readonly<Record<RetentionClass, Family>>;
}

/**
 * Keeps in `history.json` how far each family goes, so that a file that is lost or cut is missed: the segments themselves
 * cannot tell that there was more. What stands there is never ahead of what is durable.
 */
export class HistoryKeeper {
  readonly #options: HistoryKeeperOptions;
  #cancel: CancelTimer | undefined;
  #writing: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: HistoryKeeperOptions) {
    this.#options = options;
  }

  /** Something became durable; with `begun` in a segment that is new. */
  changed(begun: boolean): void {
    if (this.#closed) return;
    if (begun) this.#soon();
    else this.#cancel ??= this.#options.clock.after(MARK_MS, () => this.#soon());
  }

  /** Writes the marks as they are now. */
  write(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    const { disk, directory, history, families } = this.#options;
    const next = this.#writing.then(() => writeHistory(disk, directory, history, marksOf(families)));
    this.#writing = next.catch(() => undefined);
    return next;
  }

  /** Writes the marks a last time. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.write();
  }

  #soon(): void {
    this.write().catch((error: unknown) => {
      this.#options.logger.warn({ error }, 'cannot note how far the log goes');
      this.changed(false);
    });
  }
}

function marksOf(families: Readonly<Record<RetentionClass, Family>>): Marks {
  const marks: Partial<Record<RetentionClass, NonNullable<Marks[RetentionClass]>>> = {};
  for (const name of RETENTION_CLASSES) {
    const mark = families[name].writer?.mark;
    if (mark !== undefined) marks[name] = mark;
  }
  return marks;
}
