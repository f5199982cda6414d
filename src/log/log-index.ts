import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import type { StreamMetadata } from './event-log.ts';
import type { Checkpoint } from './recovery.ts';
import type { RetentionClass } from './retention.ts';
import type { Run } from './runs.ts';

/** Raised when the contents change; an older index is built anew. */
const INDEX_VERSION = 1;

export interface IndexChanges {
  readonly family: RetentionClass;
  /** Undefined: as before. */
  readonly checkpoint: Checkpoint | undefined;
  readonly streams: readonly {
    readonly name: string;
    readonly last: number;
    readonly runs: readonly Run[];
  }[];
  readonly metadata: readonly { readonly stream: string; readonly metadata: StreamMetadata }[];
}

type Key = readonly (string | number)[];

/**
 * Where the events of facts and journal lie. Never the truth: it is not synced, and whatever is doubtful about it (another
 * version, a machine that went down, files that it does not fit) is answered by building it anew from the segments.
 */
export class LogIndex {
  readonly #database: RootDatabase<unknown, Key[number][]>;
  readonly #directory: string;

  private constructor(database: RootDatabase<unknown, Key[number][]>, directory: string) {
    this.#database = database;
    this.#directory = directory;
  }

  static async open(logDirectory: string): Promise<LogIndex> {
    const directory = join(logDirectory, 'index');
    // Without syncs the pages of a killed process are still the kernel's, but a machine that went down may have kept
    // any of them: then nothing in there can be believed, not even its own structure.
    if ((await readMarker(directory)) !== (await marker()))
      await rm(directory, { recursive: true, force: true });
    const database = open<unknown, Key[number][]>({
      path: directory,
      noSync: true,
      noMetaSync: true,
      overlappingSync: false,
    });
    await writeFile(join(directory, 'boot'), await marker());
    return new LogIndex(database, directory);
  }

  checkpoint(family: RetentionClass): Checkpoint | undefined {
    return this.#database.get(['checkpoint', family]) as Checkpoint | undefined;
  }

  /** Last revision of a stream, or undefined. */
  lastRevision(stream: string): number | undefined {
    return this.#database.get(['stream', stream]) as number | undefined;
  }

  /** The run that holds `revision`, and up to `limit` - 1 behind it. */
  runsFrom(stream: string, revision: number, limit: number): Run[] {
    const first = [
      ...this.#database.getKeys({
        start: ['run', stream, revision],
        end: ['run', stream, -1],
        reverse: true,
        limit: 1,
      }),
    ].at(0);
    const start = first?.[1] === stream && first[0] === 'run' ? first : ['run', stream, revision];
    const runs: Run[] = [];
    for (const { key, value } of this.#database.getRange({
      start,
      end: ['run', stream, Number.MAX_VALUE],
      limit,
    })) {
      const [segment, offset] = value as [number, number];
      runs.push({ firstRevision: Number(key[2]), segment, offset });
    }
    return runs;
  }

  *metadata(): Iterable<{ readonly stream: string; readonly metadata: StreamMetadata }> {
    for (const { key, value } of this.#database.getRange({
      start: ['metadata', ''],
      end: ['metadata', '\uffff'],
    })) {
      yield { stream: String(key[1]), metadata: value as StreamMetadata };
    }
  }

  /**
   * One transaction: the checkpoint never speaks of entries that are not there. Synchronous, because nothing is synced to
   * the disk, and because a commit that fails in the package's writer thread (disk full) rejects promises that only it
   * knows, which would end the process.
   */
  async write(changes: IndexChanges): Promise<void> {
    const database = this.#database;
    database.transactionSync(() => {
      for (const { name, last, runs } of changes.streams) {
        database.putSync(['stream', name], last);
        for (const run of runs) database.putSync(['run', name, run.firstRevision], [run.segment, run.offset]);
      }
      for (const { stream, metadata } of changes.metadata) database.putSync(['metadata', stream], metadata);
      if (changes.checkpoint !== undefined) {
        database.putSync(['checkpoint', changes.family], changes.checkpoint);
      }
    });
  }

  /** Forgets what lay in a dropped segment; a stream that has nothing behind it is forgotten as a whole. */
  async forget(runs: readonly { readonly stream: string; readonly firstRevision: number }[]): Promise<void> {
    const database = this.#database;
    database.transactionSync(() => {
      for (const { stream, firstRevision } of runs) database.removeSync(['run', stream, firstRevision]);
      for (const { stream } of runs) {
        const left = [
          ...database.getKeys({
            start: ['run', stream, -1],
            end: ['run', stream, Number.MAX_VALUE],
            limit: 1,
          }),
        ];
        if (left.length === 0) database.removeSync(['stream', stream]);
      }
    });
  }

  async clear(): Promise<void> {
    this.#database.clearSync();
  }

  async close(): Promise<void> {
    await this.#database.close();
  }

  get directory(): string {
    return this.#directory;
  }
}

/** Version and boot of the machine; without a boot id an index is never believed again. */
async function marker(): Promise<string> {
  try {
    return `${INDEX_VERSION} ${(await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()}`;
  } catch {
    // No /proc here: a name that no later start will have.
    return `${INDEX_VERSION} process ${process.pid} ${performance.timeOrigin}`;
  }
}

async function readMarker(directory: string): Promise<string | undefined> {
  try {
    return await readFile(join(directory, 'boot'), 'utf8');
  } catch {
    // No index yet.
    return undefined;
  }
}
