import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import type { ProjectionLogger } from '../tables/ports.ts';
import { ProjectionError } from '../tables/projection-error.ts';

/** Recorded in the database; not to be renamed. */
const MIGRATIONS_TABLE = 'schema_migrations';

/** The folder `migrations/` beside package.json, from the sources as from the build. */
function migrationsFolder(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return join(folder, 'migrations');
    if (folder === dirname(folder)) {
      throw new Error('the folder migrations/ is not where the package was installed');
    }
  }
}

export interface MigrateOptions {
  /** @default 'up' */
  readonly direction?: 'up' | 'down';
  /** Ends it, also while it waits for another server that migrates; what was begun is rolled back. */
  readonly signal?: AbortSignal;
}

/**
 * Brings the schema up to date (or, with `down`, takes everything away). All pending migrations are one transaction; an
 * advisory lock makes servers that start together wait for the first.
 *
 * @returns the names of the migrations that ran, in order.
 * @throws ProjectionError `DATABASE_NEWER` when it has migrations that this release does not know
 */
export async function migrate(
  dsn: string,
  logger: ProjectionLogger,
  { direction = 'up', signal }: MigrateOptions = {},
): Promise<readonly string[]> {
  // Loaded on use: it brings a TypeScript loader along, which nobody else needs.
  const { runner } = await import('node-pg-migrate');
  const client = new Client({ connectionString: dsn, connectionTimeoutMillis: 10_000, keepAlive: true });
  // A broken connection also rejects the statement that waits on it.
  client.on('error', (error) => logger.warn({ err: error }, 'migration connection failed'));
  // Ending the client cuts off the statement that waits.
  const cancel = (): void => void client.end();
  try {
    await client.connect();
    signal?.throwIfAborted();
    signal?.addEventListener('abort', cancel);
    if (direction === 'up') await refuseNewer(client);
    const ran = await runner({
      dbClient: client,
      dir: migrationsFolder(),
      migrationsTable: MIGRATIONS_TABLE,
      direction,
      count: Number.POSITIVE_INFINITY,
      checkOrder: true,
      singleTransaction: true,
      advisoryLockMode: 'wait',
      logger: {
        info: () => undefined,
        warn: (message) => logger.warn({}, String(message)),
        error: (message) => logger.error({}, String(message)),
      },
    });
    return ran.map((migration) => migration.name);
  } finally {
    signal?.removeEventListener('abort', cancel);
    await client.end();
  }
}

/** A schema of a newer release is not ours to write into: what its columns mean is not known here. */
async function refuseNewer(client: Client): Promise<void> {
  const present = await client.query<{ present: boolean }>(
    `select to_regclass('${MIGRATIONS_TABLE}') is not null as present`,
  );
  if (present.rows[0]?.present !== true) return;
  const { rows } = await client.query<{ name: string }>(`select name from ${MIGRATIONS_TABLE} order by id`);
  const known = new Set((await readdir(migrationsFolder())).map((name) => name.replace(/\.sql$/, '')));
  const newer = rows.map(({ name }) => name).filter((name) => !known.has(name));
  if (newer.length === 0) return;
  throw new ProjectionError(
    'DATABASE_NEWER',
    `the database was written by a newer release (${newer.join(', ')}). Use that one; or let this one build the read models again from the log, which loses nothing: stop the server, then remove the folder postgres in the data folder, or in a database of your own run DROP SCHEMA public CASCADE; CREATE SCHEMA public`,
  );
}
