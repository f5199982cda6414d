import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { tryLock, waitForLock } from 'fs-native-extensions';
import type { Random } from '../../../ports/ports.ts';
import { toHex } from '../../../protocol/bytes.ts';
import { LogError } from '../../log-error.ts';

const NAME = 'lock';
/** The byte that belongs to the writer. */
const WRITER = 0;
/** The byte that tells readers of a writer: asking for the other one would be in the way of a writer that starts. */
const PRESENCE = 1;
/** Bytes of what stands in the file: always the same, so that overwriting needs no space on a full disk. */
const SIZE = 256;
const INSTANCE_BYTES = 16;
const ATTEMPTS = 3;

/** How files are locked; another one in tests only. */
export interface FileLocks {
  readonly tryLock: typeof tryLock;
  readonly waitForLock: typeof waitForLock;
}

/** Who writes a log; for people, and for the writer to see that it still is the one. */
interface Holder {
  /** Random, of this opening of the log: two containers may both have process 1. */
  readonly instance: string;
  readonly process: number;
  readonly host: string;
}

/** That this process is the one that writes a log, and for how long. */
export interface WriteLock extends AsyncDisposable {
  /** Called once, when the log is found to be lost. */
  onLost: (error: LogError) => void;
  /** Why the log is lost; undefined: it is not. */
  readonly lost: LogError | undefined;
  /**
   * Looks whether this is still the one that writes the log.
   *
   * @throws LogError `LOG_LOCKED` when it is not; what the disk threw when it cannot be told
   */
  verify(): Promise<void>;
  /** The log is another's from now on. Returns the error that says so. */
  lose(reason: string): LogError;
}

/**
 * Only one process writes a log. The kernel says so: a lock on the open file (`F_OFD_SETLK`), which it holds for all processes
 * of the machine, whatever containers they are in, and gives back when the process dies, however it dies. The file stays.
 *
 * Where the kernel's word does not reach (the file was removed or replaced, a network file system that keeps locks to itself),
 * the instance id in the file does, after the fact: a writer that does not find its own any more has lost the log, touches
 * nothing from then on, and never gets it back.
 */
export class LogLock implements WriteLock {
  onLost: (error: LogError) => void = () => undefined;
  readonly instance: string;
  readonly #path: string;
  readonly #file: FileHandle;
  #lost: LogError | undefined;

  private constructor(path: string, file: FileHandle, instance: string) {
    this.#path = path;
    this.#file = file;
    this.instance = instance;
  }

  /** @throws LogError `LOG_LOCKED`; `LOG_UNAVAILABLE` when the file system cannot lock files */
  static async acquire(
    directory: string,
    random: Random,
    locks: FileLocks = { tryLock, waitForLock },
  ): Promise<LogLock> {
    const path = join(directory, NAME);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o640);
      try {
        if (!lockNow(locks, file, path)) throw locked(path, await readHolder(file));
        // Not what this name stands for any more: somebody removed the file between opening and locking it.
        if (await isAt(path, file)) {
          // A reader that asks whether somebody writes holds it for a moment.
          await locks.waitForLock(file.fd, PRESENCE, 1);
          const instance = toHex(random.bytes(INSTANCE_BYTES));
          await writeHolder(file, { instance, process: process.pid, host: hostname() });
          return new LogLock(path, file, instance);
        }
      } catch (error) {
        await file.close();
        throw error;
      }
      await file.close();
    }
    throw locked(path, undefined);
  }

  get lost(): LogError | undefined {
    return this.#lost;
  }

  async verify(): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost;
    if (!(await isAt(this.#path, this.#file))) throw this.lose('the lock file was removed or replaced');
    const holder = await readHolder(this.#file);
    if (holder?.instance !== this.instance) {
      const who = holder === undefined ? 'somebody' : describe(holder);
      throw this.lose(`${who} has taken the lock where this kernel does not see it`);
    }
  }

  lose(reason: string): LogError {
    if (this.#lost === undefined) {
      const message = `this process does not own the log any more (${this.#path}): ${reason}`;
      this.#lost = new LogError('LOG_LOCKED', message);
      this.onLost(this.#lost);
    }
    return this.#lost;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

/** True while some process writes this log. */
export async function isLocked(directory: string): Promise<boolean> {
  let file: FileHandle;
  try {
    file = await open(join(directory, NAME), 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  try {
    return !tryLock(file.fd, PRESENCE, 1, { shared: true });
  } catch {
    // Where files cannot be locked nobody can be writing.
    return false;
  } finally {
    await file.close();
  }
}

function lockNow(locks: FileLocks, file: FileHandle, path: string): boolean {
  try {
    return locks.tryLock(file.fd, WRITER, 1);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    const advice = 'keep the log on a disk of this machine, or on a network file system mounted with locks';
    throw new LogError(
      'LOG_UNAVAILABLE',
      `${path}: this file system cannot lock files (${code}): ${advice}`,
      {
        cause,
      },
    );
  }
}

async function isAt(path: string, file: FileHandle): Promise<boolean> {
  const own = await file.stat({ bigint: true });
  try {
    const found = await stat(path, { bigint: true });
    return found.ino === own.ino && found.dev === own.dev;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

async function writeHolder(file: FileHandle, holder: Holder): Promise<void> {
  const bytes = Buffer.alloc(SIZE, ' ');
  bytes.write(JSON.stringify({ ...holder, host: holder.host.slice(0, 64) }));
  bytes.write('\n', SIZE - 1);
  await file.write(bytes, 0, SIZE, 0);
  await file.truncate(SIZE);
  await file.datasync();
}

async function readHolder(file: FileHandle): Promise<Holder | undefined> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(SIZE), 0, SIZE, 0);
  try {
    const {
      instance,
      process: id,
      host,
    } = JSON.parse(buffer.toString('utf8', 0, bytesRead)) as Partial<Holder>;
    if (typeof instance !== 'string' || typeof id !== 'number' || typeof host !== 'string') return undefined;
    return { instance, process: id, host };
  } catch {
    // Empty, half written, or of a version that wrote something else.
    return undefined;
  }
}

function describe({ process: id, host }: Holder): string {
  return `process ${id} on ${host}`;
}

function locked(path: string, holder: Holder | undefined): LogError {
  const who = holder === undefined ? 'another process' : describe(holder);
  return new LogError('LOG_LOCKED', `${who} writes this log (${path})`, { retryable: true });
}
