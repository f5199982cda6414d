import { createHash } from 'node:crypto';
import { readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { LogError } from './log-error.ts';

/**
 * Only one process writes a log. Two guards:
 * - on Linux a socket in the abstract namespace, named after the directory: the kernel takes it back when the process
 *   dies, however it dies, so two processes that find a stale file cannot both win;
 * - a file with pid and start time: says who, and guards where the socket does not reach (other systems, two containers
 *   on one volume). It is stale when that process is gone, or its pid belongs to a process that started at another time.
 */
export class LogLock implements AsyncDisposable {
  readonly #path: string;
  readonly #guard: Server | undefined;

  private constructor(path: string, guard: Server | undefined) {
    this.#path = path;
    this.#guard = guard;
  }

  /** @throws LogError `LOG_LOCKED` */
  static async acquire(directory: string): Promise<LogLock> {
    const path = join(directory, 'lock');
    const guard = process.platform === 'linux' ? await listen(await realpath(directory), path) : undefined;
    try {
      for (let attempt = 0; ; attempt++) {
        if (await create(path)) return new LogLock(path, guard);
        const holder = await readHolder(path);
        if (attempt > 2 || (holder !== undefined && (await isAlive(holder)))) throw locked(path, holder);
        await rm(path, { force: true });
      }
    } catch (error) {
      await closeGuard(guard);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#path, { force: true });
    await closeGuard(this.#guard);
  }
}

interface Holder {
  readonly pid: number;
  /** Start of the process in the kernel's ticks since boot, and the boot; undefined where nobody says. */
  readonly started: string | undefined;
}

/** True while some process writes this log. */
export async function isLocked(directory: string): Promise<boolean> {
  const holder = await readHolder(join(directory, 'lock'));
  return holder !== undefined && (await isAlive(holder));
}

async function create(path: string): Promise<boolean> {
  const holder: Holder = { pid: process.pid, started: await startOf(process.pid) };
  try {
    await writeFile(path, `${JSON.stringify(holder)}\n`, { flag: 'wx', mode: 0o640 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const { pid, started } = JSON.parse(await readFile(path, 'utf8')) as Partial<Holder>;
    return typeof pid === 'number'
      ? { pid, started: typeof started === 'string' ? started : undefined }
      : undefined;
  } catch {
    // Gone meanwhile, or half written by a process that was killed: nobody holds it.
    return undefined;
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return holder.started === undefined || holder.started === (await startOf(holder.pid));
}

async function startOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    // The name of the command may hold spaces; field 22 counts from behind its closing parenthesis.
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return ticks === undefined ? undefined : `${boot.trim()}:${ticks}`;
  } catch {
    // No /proc here.
    return undefined;
  }
}

function listen(directory: string, path: string): Promise<Server> {
  const name = createHash('sha256').update(directory).digest('hex').slice(0, 32);
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', async (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? locked(path, await readHolder(path)) : error);
    });
    server.listen(`\0commucat-log-${name}`, () => {
      server.unref();
      resolve(server);
    });
  });
}

function closeGuard(guard: Server | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (guard === undefined) resolve();
    else guard.close(() => resolve());
  });
}

function locked(path: string, holder: Holder | undefined): LogError {
  const who = holder === undefined ? 'another process' : `process ${holder.pid}`;
  return new LogError('LOG_LOCKED', `${who} writes this log (${path})`, { retryable: true });
}
