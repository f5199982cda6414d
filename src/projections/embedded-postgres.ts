import { chmod, chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { Client } from 'pg';
import type { Clock, Random } from '../protocol/ports.ts';
import { findPostgresBinaries, type PostgresBinaries } from './postgres-binaries.ts';
import { ProjectionError } from './projection-error.ts';
import { type UnprivilegedCommand, unprivilegedCommand } from './unprivileged-command.ts';

export interface EmbeddedPostgresOptions {
  /** Created when missing. Holds the cluster (`data`), its log and the password file. */
  readonly directory: string;
  /** TCP port on 127.0.0.1. @default a free one */
  readonly port?: number;
  readonly clock: Clock;
  readonly random: Random;
}

export interface EmbeddedPostgres extends AsyncDisposable {
  /** Connection string with the password: never to be logged. */
  readonly dsn: string;
  readonly port: number;
  /** Whether a server that an earlier process had left running was taken over. */
  readonly reused: boolean;
}

const USER = 'commucat';
const DATABASE = 'commucat';
const COMMAND_MS = 90_000;
const START_ATTEMPTS = 5;
const RETRY_MS = 300;
/** pg_ctl status: 0 means running. */
const RUNNING = 0;

interface Cluster {
  readonly binaries: PostgresBinaries;
  readonly command: UnprivilegedCommand;
  readonly data: string;
  readonly password: string;
  readonly clock: Clock;
}

/**
 * Starts a real PostgreSQL in a folder of ours, reachable over loopback only, with a random password that lies in a
 * file of mode 0600. What an earlier process left behind is taken over when it still runs and is ours, and cleared
 * away otherwise. The server is a process of its own and outlives a SIGKILL of this one; disposing stops it.
 *
 * @throws ProjectionError `POSTGRES_UNAVAILABLE` with what PostgreSQL said.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const directory = resolve(options.directory);
  const binaries = await findPostgresBinaries();
  await mkdir(directory, { recursive: true });
  const command = await unprivilegedCommand([directory, binaries.pgCtl, binaries.initdb]);
  const password = await loadPassword(join(directory, 'password'), options.random);
  const cluster: Cluster = {
    binaries,
    command,
    data: join(directory, 'data'),
    password,
    clock: options.clock,
  };
  await initialise(cluster, directory);
  const leftOver = await adoptRunning(cluster);
  const port = leftOver ?? (await start(cluster, options.port));
  await ensureDatabase(cluster, port);
  return {
    dsn: dsn(cluster, port, DATABASE),
    port,
    reused: leftOver !== undefined,
    [Symbol.asyncDispose]: () => stop(cluster),
  };
}

function dsn(cluster: Cluster, port: number, database: string): string {
  return `postgres://${USER}:${cluster.password}@127.0.0.1:${port}/${database}`;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function loadPassword(path: string, random: Random): Promise<string> {
  const existing = await readIfThere(path);
  if (existing !== undefined && existing.length > 0) return existing.trim();
  const password = Buffer.from(random.bytes(24)).toString('base64url');
  await writeFile(path, password, { mode: 0o600 });
  await chmod(path, 0o600);
  return password;
}

/** Made beside its place and renamed, so that a crash in the middle leaves nothing that looks like a cluster. */
async function initialise(cluster: Cluster, directory: string): Promise<void> {
  const version = await readIfThere(join(cluster.data, 'PG_VERSION'));
  if (version !== undefined) return;
  const fresh = join(directory, 'data.initialising');
  const passwordFile = join(directory, 'password.initialising');
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { mode: 0o700 });
  await writeFile(passwordFile, cluster.password, { mode: 0o600 });
  try {
    if (cluster.command.owner !== undefined) {
      const { uid, gid } = cluster.command.owner;
      await Promise.all([chown(fresh, uid, gid), chown(passwordFile, uid, gid)]);
    }
    const args = [`--pgdata=${fresh}`, `--username=${USER}`, `--pwfile=${passwordFile}`];
    const settings = ['--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--no-sync'];
    const made = await cluster.command.run(cluster.binaries.initdb, [...args, ...settings], COMMAND_MS);
    if (made.exitCode !== 0) throw unavailable('initdb failed', made.output);
    await rename(fresh, cluster.data);
  } finally {
    await rm(passwordFile, { force: true });
  }
}

function unavailable(what: string, output: string, cause?: unknown): ProjectionError {
  return new ProjectionError('POSTGRES_UNAVAILABLE', `${what}: ${output}`, { cause });
}

async function isRunning(cluster: Cluster): Promise<boolean> {
  const status = await cluster.command.run(
    cluster.binaries.pgCtl,
    ['status', '-D', cluster.data],
    COMMAND_MS,
  );
  return status.exitCode === RUNNING;
}

/**
 * The port of a server of this very folder that still runs, after it has proved to be ours by our password and its
 * data folder. One that runs and does not answer is stopped. A pid file whose process is somebody else's is removed:
 * PostgreSQL itself would refuse to start over it.
 */
async function adoptRunning(cluster: Cluster): Promise<number | undefined> {
  const pidFile = join(cluster.data, 'postmaster.pid');
  const lines = (await readIfThere(pidFile))?.split('\n');
  if (lines === undefined || !(await isRunning(cluster))) return undefined;
  const [pid, , , port] = lines;
  if (!(await isPostmasterOf(cluster.data, Number(pid)))) {
    await rm(pidFile, { force: true });
    return undefined;
  }
  try {
    const answer = await query(dsn(cluster, Number(port), 'postgres'), 'SHOW data_directory');
    if (answer[0]?.data_directory === cluster.data) return Number(port);
  } catch {
    // It is ours by its working folder and does not serve us (still recovering, or another password): restart it.
  }
  await stop(cluster);
  return undefined;
}

/** A pid may have been given to another process since; where /proc tells, its working folder is the proof. */
async function isPostmasterOf(data: string, pid: number): Promise<boolean> {
  const { readlink, realpath } = await import('node:fs/promises');
  if (process.platform !== 'linux') return true;
  try {
    return (await readlink(`/proc/${pid}/cwd`)) === (await realpath(data));
  } catch {
    return false;
  }
}

async function start(cluster: Cluster, wantedPort: number | undefined): Promise<number> {
  let output = '';
  for (let attempt = 1; attempt <= START_ATTEMPTS; attempt += 1) {
    const port = wantedPort ?? (await freePort());
    const log = join(cluster.data, 'server.log');
    const args = ['start', '-w', '-s', '-D', cluster.data, '-l', log, '-o', serverOptions(port)];
    const started = await cluster.command.run(cluster.binaries.pgCtl, args, COMMAND_MS);
    if (started.exitCode === 0) return port;
    output = `${started.output}\n${((await readIfThere(log)) ?? '').split('\n').slice(-6).join('\n')}`;
    // Somebody took the port meanwhile, or children of a killed server are still going: both pass.
    await new Promise<void>((wake) => cluster.clock.after(RETRY_MS * attempt, wake));
  }
  throw unavailable('PostgreSQL did not start', output);
}

/** Read models can be rebuilt: losing the last transactions in a power cut is harmless, so commits do not wait. */
function serverOptions(port: number): string {
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 32,
    shared_buffers: '32MB',
    max_wal_size: '256MB',
    synchronous_commit: 'off',
    log_min_messages: 'warning',
    log_checkpoints: 'off',
  };
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(' ');
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening, failed) => {
    server.once('error', failed);
    server.listen(0, '127.0.0.1', listening);
  });
  const address = server.address();
  await new Promise<void>((closed) => server.close(() => closed()));
  if (address === null || typeof address === 'string') throw unavailable('no free port', 'no TCP address');
  return address.port;
}

async function stop(cluster: Cluster): Promise<void> {
  const args = ['stop', '-w', '-s', '-m', 'fast', '-D', cluster.data];
  const stopped = await cluster.command.run(cluster.binaries.pgCtl, args, COMMAND_MS);
  if (stopped.exitCode !== 0 && (await isRunning(cluster))) {
    throw unavailable('PostgreSQL did not stop', stopped.output);
  }
}

async function query(connectionString: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 10_000, query_timeout: 10_000 });
  client.on('error', () => undefined); // The failure also rejects the query, which is where it is handled.
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

async function ensureDatabase(cluster: Cluster, port: number): Promise<void> {
  const admin = dsn(cluster, port, 'postgres');
  const known = await query(admin, `SELECT 1 FROM pg_database WHERE datname = '${DATABASE}'`);
  if (known.length === 0) await query(admin, `CREATE DATABASE ${DATABASE}`);
}
