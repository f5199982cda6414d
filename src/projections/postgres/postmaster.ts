import type { ChildProcess } from 'node:child_process';
import { type FileHandle, open, readFile, readlink, realpath, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProjectionError } from '../tables/projection-error.ts';
import type { UnprivilegedCommand } from './unprivileged-command.ts';

/** Milliseconds between looks at whether it has started or ended. */
const LOOK_MS = 50;
/** Milliseconds for a start: the recovery after a crash is part of it. */
const START_MS = 90_000;
/** Milliseconds for an orderly stop, then for one that leaves recovery to the next start. */
const FAST_STOP_MS = 8_000;
const IMMEDIATE_STOP_MS = 3_000;
/** Bytes of PostgreSQL's own log above which a start begins it anew. */
const MAX_LOG = 1_048_576;
const LAST_LINES = 6;

export interface PostmasterStart {
  readonly command: UnprivilegedCommand;
  /** The program `postgres`. */
  readonly program: string;
  readonly data: string;
  readonly settings: Readonly<Record<string, string | number>>;
  /** Rejects until it takes connections. */
  readonly greet: () => Promise<unknown>;
  readonly signal: AbortSignal | undefined;
}

/**
 * Starts PostgreSQL itself and waits until it takes connections. `pg_ctl` would hand the folder's name to a shell.
 *
 * @throws ProjectionError `POSTGRES_UNAVAILABLE` with its last words; the signal's reason when aborted
 */
export async function startPostmaster(start: PostmasterStart): Promise<void> {
  const { command, data, program, settings } = start;
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const log = join(data, 'server.log');
  await using output = await openLog(log);
  const child = await command.start(program, ['-D', data, ...args], output.fd);
  try {
    await untilReady(child, start);
  } catch (error) {
    child.kill('SIGQUIT');
    if (start.signal?.aborted) throw error;
    const words = (await readFile(log, 'utf8').catch(() => '')).trimEnd().split('\n').slice(-LAST_LINES);
    throw new ProjectionError(
      'POSTGRES_UNAVAILABLE',
      `PostgreSQL did not start: ${[String(error), ...words].join('\n')}`,
      { cause: error },
    );
  }
  // From here on it lives as long as it wants: this process may end before it.
  child.unref();
}

async function openLog(path: string): Promise<FileHandle> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  return open(path, size > MAX_LOG ? 'w' : 'a', 0o600);
}

async function untilReady(child: ChildProcess, { greet, signal }: PostmasterStart): Promise<void> {
  let failure: Error | undefined;
  child.once('error', (error) => {
    failure = error;
  });
  const deadline = performance.now() + START_MS;
  for (;;) {
    signal?.throwIfAborted();
    if (failure !== undefined) throw failure;
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`it has ended with ${child.exitCode ?? child.signalCode}`);
    }
    if (performance.now() > deadline) throw new Error(`it was not ready after ${START_MS / 1000} s`);
    if ((await greet().catch(() => undefined)) !== undefined) return;
    await sleep(LOOK_MS);
  }
}

/**
 * The process id of the server of a data folder, if it is alive. Nothing else of its pid file can be relied on:
 * PostgreSQL counts lines in it, and the folder's name may have line breaks.
 */
export async function postmasterPid(data: string): Promise<number | undefined> {
  const text = await readFile(pidFile(data), 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  return Number.isNaN(pid) || !(await isPostmasterOf(data, pid)) ? undefined : pid;
}

/** Removes a pid file whose process is somebody else's by now: PostgreSQL would refuse to start over it. */
export async function removeStalePidFile(data: string): Promise<void> {
  await rm(pidFile(data), { force: true });
}

/**
 * Stops the server of a data folder: in order, and when that takes too long, at once; it recovers at its next start.
 *
 * @throws ProjectionError `POSTGRES_UNAVAILABLE` when it is still there
 */
export async function stopPostmaster(data: string): Promise<void> {
  const pid = await postmasterPid(data);
  if (pid === undefined) return;
  if (await ended(data, pid, 'SIGINT', FAST_STOP_MS)) return;
  if (await ended(data, pid, 'SIGQUIT', IMMEDIATE_STOP_MS)) return;
  throw new ProjectionError('POSTGRES_UNAVAILABLE', `PostgreSQL, process ${pid}, did not stop`);
}

/** SIGINT: PostgreSQL's fast shutdown; SIGQUIT: its immediate one. */
async function ended(
  data: string,
  pid: number,
  signal: 'SIGINT' | 'SIGQUIT',
  timeoutMs: number,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
  while (performance.now() < deadline) {
    if ((await postmasterPid(data)) !== pid) return true;
    await sleep(LOOK_MS);
  }
  return false;
}

/** A pid may have been given to another process since; where /proc tells, its working folder is the proof. */
async function isPostmasterOf(data: string, pid: number): Promise<boolean> {
  try {
    if (process.platform === 'linux') return (await readlink(`/proc/${pid}/cwd`)) === (await realpath(data));
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function pidFile(data: string): string {
  return join(data, 'postmaster.pid');
}
