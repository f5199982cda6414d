import { chmod, chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { Random } from '../../ports/ports.ts';
import { ProjectionError } from '../tables/projection-error.ts';
import { findPostgresBinaries, type PostgresBinaries } from './postgres-binaries.ts';
import { postmasterPid, removeStalePidFile, startPostmaster, stopPostmaster } from './postmaster.ts';
import { type UnprivilegedCommand, unprivilegedCommand } from './unprivileged-command.ts';

export interface EmbeddedPostgresOptions {
  /** Created when missing. Holds the cluster (`data`), its log and the password file. */
  readonly directory: string;
  /** TCP port on 127.0.0.1. @default a free one */
  readonly port?: number;
  readonly random: Random;
  /** Ends the start; a server that it has started is stopped. */
  readonly signal?: AbortSignal | undefined;
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

interface Cluster {
  readonly binaries: PostgresBinaries;
  readonly command: UnprivilegedCommand;
  readonly data: string;
  readonly password: string;
  /** Where a later process finds the server that this one leaves running. */
  readonly portFile: string;
  readonly signal: AbortSignal | undefined;
}

/**
 * Starts a real PostgreSQL in a folder of ours, reachable over loopback only, with a random password that lies in a
 * file of mode 0600. What an earlier process left behind is taken over when it still runs and is ours, and cleared
 * away otherwise. The server is a process of its own and outlives a SIGKILL of this one; disposing stops it.
 *
 * @throws ProjectionError `POSTGRES_UNAVAILABLE` with what PostgreSQL said; the signal's reason when aborted.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const directory = resolve(options.directory);
  const binaries = await findPostgresBinaries();
  await mkdir(directory, { recursive: true });
  const command = await unprivilegedCommand(directory, [binaries.postgres, binaries.initdb]);
  const password = await loadPassword(join(directory, 'password'), options.random);
  const cluster: Cluster = {
    binaries,
    command,
    data: join(directory, 'data'),
    password,
    portFile: join(directory, 'port'),
    signal: options.signal,
  };
  await initialise(cluster, directory);
  options.signal?.throwIfAborted();
  const leftOver = await adoptRunning(cluster);
  const port = leftOver ?? (await start(cluster, options.port));
  await ensureDatabase(cluster, port);
  return {
    dsn: dsn(cluster, port, DATABASE),
    port,
    reused: leftOver !== undefined,
    [Symbol.asyncDispose]: () => stopPostmaster(cluster.data),
  };
}

/**
 * Connection string of the server that runs in this folder, with its password: never to be logged. `undefined`: none was
 * ever started there. Changes nothing, and does not look whether it runs.
 */
export async function embeddedPostgresDsn(directory: string): Promise<string | undefined> {
  const password = await readIfThere(join(directory, 'password'));
  const port = Number(await readIfThere(join(directory, 'port')));
  if (password === undefined || !(port > 0)) return undefined;
  return dsn({ password: password.trim() }, port, DATABASE);
}

function dsn({ password }: Pick<Cluster, 'password'>, port: number, database: string): string {
  return `postgres://${USER}:${password}@127.0.0.1:${port}/${database}`;
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
  if (version !== undefined) {
    requireVersion(directory, Number.parseInt(version, 10), cluster.binaries.version);
    return;
  }
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
    const encoding = ['--encoding=UTF8', '--locale=C'];
    // Instructions are a line for a shell, and a name with a line break makes none.
    const rest = ['--auth=scram-sha-256', '--no-sync', '--no-instructions'];
    const made = await cluster.command.run(
      cluster.binaries.initdb,
      [...args, ...encoding, ...rest],
      COMMAND_MS,
    );
    if (made.exitCode !== 0) throw unavailable('initdb failed', explained(made.output));
    await rename(fresh, cluster.data);
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/** PostgreSQL opens folders of its own major version only. Ours holds nothing that the log does not have. */
function requireVersion(directory: string, found: number, ours: number): void {
  if (found === ours) return;
  throw new ProjectionError(
    'POSTGRES_UNAVAILABLE',
    `${directory} was made by PostgreSQL ${found}, this release brings ${ours}. The read models are built again from the log, and nothing is lost: stop the server, rm -r ${JSON.stringify(directory)}, start it`,
  );
}

function unavailable(what: string, output: string, cause?: unknown): ProjectionError {
  return new ProjectionError('POSTGRES_UNAVAILABLE', `${what}: ${output}`, { cause });
}

/** PostgreSQL's words where they do not say what to do. */
function explained(output: string): string {
  if (!output.includes('could not look up effective user ID')) return output;
  return `${output}; PostgreSQL needs a name for the user that it runs as: add one to /etc/passwd, or name another database in storage.postgres_dsn ("none": no read models)`;
}

/**
 * The port of a server of this very folder that still runs, after it has proved to be ours by our password and its
 * data folder. One that runs and does not answer is stopped.
 */
async function adoptRunning(cluster: Cluster): Promise<number | undefined> {
  if ((await postmasterPid(cluster.data)) === undefined) {
    await removeStalePidFile(cluster.data);
    return undefined;
  }
  try {
    const port = Number(await readIfThere(cluster.portFile));
    const answer = await query(dsn(cluster, port, 'postgres'), 'SHOW data_directory');
    if (answer[0]?.data_directory === cluster.data) return port;
  } catch {
    // It is ours by its working folder and does not serve us (still recovering, or another password): restart it.
  }
  await stopPostmaster(cluster.data);
  return undefined;
}

async function start(cluster: Cluster, wantedPort: number | undefined): Promise<number> {
  const { binaries, command, data, portFile, signal } = cluster;
  for (let attempt = 1; ; attempt += 1) {
    const port = wantedPort ?? (await freePort());
    await writeFile(portFile, String(port), { mode: 0o600 });
    try {
      await startPostmaster({
        command,
        program: binaries.postgres,
        data,
        settings: settings(port),
        greet: () => query(dsn(cluster, port, 'postgres'), 'SELECT 1'),
        signal,
      });
      return port;
    } catch (error) {
      if (signal?.aborted || attempt === START_ATTEMPTS) throw error;
    }
    // Somebody took the port meanwhile, or children of a killed server are still going: both pass.
    await sleep(RETRY_MS * attempt, undefined, { signal });
  }
}

/** Read models can be rebuilt: losing the last transactions in a power cut is harmless, so commits do not wait. */
function settings(port: number): Readonly<Record<string, string | number>> {
  return {
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
