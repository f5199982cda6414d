import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { type Config, postgresChoice } from '../../src/config/index.ts';
import { embeddedPostgresDsn } from '../../src/projections/index.ts';
import { adviceOn, errorWords } from '../kit/describe-error.ts';
import { type Finding, fail, leftOut, ok, warn } from './finding.ts';
import { checkReadModels } from './read-models.ts';

const TIMEOUT = 5000;
const CHECK = 'Postgres';

/**
 * Whether the read models' database answers, has the schema of this release, and rows that were made from this log. Changes
 * nothing.
 */
export async function checkDatabase(config: Config, root: string): Promise<readonly Finding[]> {
  const choice = postgresChoice(config);
  const { dataDir } = config.storage;
  if (choice.kind === 'none') {
    return [leftOut(CHECK, 'storage.postgres_dsn is "none": there are no read models')];
  }
  if (choice.kind === 'dsn') return checkRows(choice.dsn, dataDir, root);
  const found = await checkEmbedded(dataDir);
  if (found.status !== 'ok') return [found];
  const dsn = await embeddedPostgresDsn(join(dataDir, 'postgres'));
  return dsn === undefined ? [found] : [found, ...(await checkRows(dsn, dataDir, root))];
}

async function checkRows(dsn: string, dataDir: string, root: string): Promise<readonly Finding[]> {
  const client = new Client({
    connectionString: dsn,
    connectionTimeoutMillis: TIMEOUT,
    query_timeout: TIMEOUT,
  });
  // It also rejects the call that waits for it.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const schema = await compareSchema(client, root);
    return schema.status === 'ok' ? [schema, await checkReadModels(client, dataDir)] : [schema];
  } catch (error) {
    const advice = adviceOn(error) ?? 'look at the log of the database';
    const rest = 'messages flow without it, read models stand still';
    return [fail(CHECK, errorWords(error), `${advice}; ${rest}`)];
  } finally {
    await client.end();
  }
}

async function compareSchema(client: Client, root: string): Promise<Finding> {
  const files = await readdir(join(root, 'migrations'));
  const wanted = files.filter((name) => name.endsWith('.sql')).map((name) => name.replace(/\.sql$/, ''));
  const known = await client.query<{ present: boolean }>(
    `SELECT to_regclass('schema_migrations') IS NOT NULL AS present`,
  );
  const applied = known.rows[0]?.present
    ? (await client.query<{ name: string }>('SELECT name FROM schema_migrations')).rows.map(
        ({ name }) => name,
      )
    : [];
  const missing = wanted.filter((name) => !applied.includes(name));
  return missing.length === 0
    ? ok(CHECK, `reachable, ${applied.length} migrations applied`)
    : warn(CHECK, `${missing.length} migrations are missing`, 'commucat migrate, or start the server');
}

/** The embedded one lives and ends with its server. */
async function checkEmbedded(dataDir: string): Promise<Finding> {
  const file = await readFile(join(dataDir, 'postgres', 'data', 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number.parseInt(file, 10);
  if (Number.isNaN(pid)) return leftOut(CHECK, 'embedded, not running; it starts with the server');
  try {
    process.kill(pid, 0);
    return ok(CHECK, `embedded, process ${pid}`);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EPERM') {
      return ok(CHECK, `embedded, process ${pid}`);
    }
    return warn(CHECK, `embedded, process ${pid} is gone`, 'it is cleared away when the server starts');
  }
}
