import type { HistoryCause } from '../../../events/events.ts';
import { VOCABULARY, type Vocabulary } from '../../../events/vocabulary.ts';
import type { Random } from '../../../ports/ports.ts';
import { toHex } from '../../../protocol/bytes.ts';
import type { RetentionClass } from '../../retention.ts';
import type { Disk, FileIdentity } from '../disk/disk.ts';
import { readSealed, writeSealed } from '../disk/sealed-json.ts';
import type { Mark } from '../files/loss.ts';

export interface History {
  /** 32 lower-case hex digits. */
  readonly epoch: string;
  readonly cause: HistoryCause;
}

/** How far each family of files was durable at least: less than that is a loss. */
export type Marks = Readonly<Partial<Record<RetentionClass, Mark>>>;

/** `history.json` as it was found. */
export interface FoundHistory extends History {
  /** What the program that wrote last may have written. */
  readonly events: Vocabulary;
  readonly marks: Marks;
  /** Whether this is the very file that was written, not a copy of it. */
  readonly original: boolean;
}

interface Body extends History {
  readonly format: number;
  readonly file: FileIdentity;
  readonly marks: Marks;
  readonly events: Vocabulary;
}

export const HISTORY_FILE = 'history.json';
const FORMAT = 1;
const EPOCH_BYTES = 16;

/**
 * Reads which history the files of a log belong to. The file names itself, by its inode and its time of birth, which no
 * copy shares and no move within a file system changes; it is written anew at each start, so that a backup that is
 * restored over the files of a later day does not fit either. The device is left out: volumes get other numbers when a
 * machine starts.
 *
 * @throws LogError `LOG_CORRUPT`, `LOG_VERSION`
 */
export function readHistory(disk: Disk, directory: string): Promise<FoundHistory | undefined> {
  return readSealed(disk, directory, HISTORY_FILE, FORMAT, async ({ body, file }) => {
    const { epoch, cause, marks, events, file: written } = body as Body;
    const { inode, birth } = await file.identity();
    const original = inode === written.inode && (written.birth === '' || birth === written.birth);
    return { epoch, cause, marks, events, original };
  });
}

/** Names the files of a log, and says how far they go; durable when it resolves. */
export async function writeHistory(
  disk: Disk,
  directory: string,
  history: History,
  marks: Marks,
): Promise<void> {
  const { epoch, cause } = history;
  const write = (birthCounts: boolean): Promise<void> =>
    writeSealed(disk, directory, HISTORY_FILE, async (file) => {
      const { inode, birth } = await file.identity();
      const self = { inode, birth: birthCounts ? birth : '' };
      return { format: FORMAT, epoch, cause, marks, events: VOCABULARY, file: self } satisfies Body;
    });
  await write(true);
  const found = await readHistory(disk, directory);
  // Where a file system keeps no time of birth, systems give that of the last change, and renaming is one.
  if (found?.original === false) await write(false);
}

export function newEpoch(random: Random): string {
  return toHex(random.bytes(EPOCH_BYTES));
}
