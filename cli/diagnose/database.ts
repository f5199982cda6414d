import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { type Config, postgresChoice } from '../../src/config/index.ts';
import { adviceOn, errorWords } from '../describe-error.ts';
import { type Finding, fail, leftOut, ok, warn } from './finding.ts';

const TIMEOUT = 5000;
const CHECK = 'Postgres';

/** Whether the read models' database answers and has the schema of this release. Changes nothing. */
export async function checkDatabase(config: Config, root: string): Promise<Finding> {
  const choice = postgresChoice(config);
  if (choice.kind === 'none')
    return leftOut(CHECK, 'storage.postgres_dsn is "none": there are no read models');
  if (choice.kind === 'embedded') return checkEmbedded(config.storage.dataDir);
  const client = new Client({
    connectionString: choice.dsn,
    connectionTimeoutMillis: TIMEOUT,
    query_timeout: TIMEOUT,
  });
  // It also rejects the call that waits for it.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await compareSchema(client, root);
  } catch (error) {
    const advice = adviceOn(error) ?? 'look at the log of the database';
    return fail(CHECK, errorWords(error), `${advice}; messages flow without it, read models stand still`);
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
    if (error instanceof Error && 'code' in error && error.code === 'EPERM')
      return ok(CHECK, `embedded, process ${pid}`);
    return warn(CHECK, `embedded, process ${pid} is gone`, 'it is cleared away when the server starts');
  }
}
