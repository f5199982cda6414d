import assert from 'node:assert/strict';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { checkDatabase } from '../../cli/diagnose/database.ts';
import type { Finding } from '../../cli/diagnose/finding.ts';
import { loadServerConfig } from '../../cli/kit/server-config.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/projections/index.ts';
import { systemRandom } from '../../src/system/index.ts';
import { until } from '../kit/waiting.ts';
import { commucat, RunningCommand, temporaryFolder } from './cli-support.ts';
import { postgresProblem } from './projections-support.ts';

const skip = await postgresProblem();
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let directory: string;
let postgres: EmbeddedPostgres;
let client: Client;

before(async () => {
  if (skip) return;
  directory = await mkdtemp(join(tmpdir(), 'commucat-diagnose-'));
  postgres = await startEmbeddedPostgres({ directory, random: systemRandom });
  client = new Client({ connectionString: postgres.dsn });
  await client.connect();
});
after(async () => {
  if (skip) return;
  await client.end();
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const settings = (): string[] => ['--set', `storage.postgres_dsn=${postgres.dsn}`];

/** Runs a server until its rows are where its log ends, and longer when asked; it has registered these users. */
async function serve(data: string, ...handles: readonly string[]): Promise<void> {
  await using server = new RunningCommand(['dev', '--data', data, '--port', '0', '--json', ...settings()]);
  await server.line(0);
  for (const handle of handles) {
    const { code, stderr } = await commucat(['register', handle, '--data', data]);
    assert.equal(code, 0, stderr);
  }
  await until(async () => {
    const { rows } = await client
      .query<{ done: boolean }>(
        `SELECT count(*) = ${handles.length} AS done FROM users WHERE handle = ANY($1)`,
        [handles],
      )
      .catch(() => ({ rows: [] }));
    return rows[0]?.done === true;
  });
  assert.equal(await server.end('SIGTERM'), 0);
}

async function findings(data: string): Promise<readonly Finding[]> {
  const config = await loadServerConfig({
    config: undefined,
    data,
    set: [`storage.postgres_dsn=${postgres.dsn}`],
  });
  return checkDatabase(config, ROOT);
}

async function readModels(data: string): Promise<Finding> {
  const found = (await findings(data)).find(({ check }) => check === 'read models');
  assert.ok(found);
  return found;
}

test('given rows and the log that they were made from, when it is diagnosed, then they belong together; after each kind of restore they do not', {
  skip,
  timeout: 180_000,
}, async () => {
  await using folder = await temporaryFolder();
  const data = join(folder.path, 'data');
  const [log, backup] = [join(data, 'log'), join(folder.path, 'backup')];
  await serve(data, 'alice');
  await cp(log, backup, { recursive: true });
  await serve(data, 'bob', 'carol');
  const good = await readModels(data);
  assert.deepEqual([good.status, good.advice], ['ok', undefined]);
  assert.match(good.detail, /^they belong to the log, and are at position \d+ of \d+$/);

  // The very files of an earlier day: nobody has said yet that another history begins.
  await cp(log, join(folder.path, 'newest'), { recursive: true });
  await rm(log, { recursive: true });
  await cp(backup, log, { recursive: true });
  const ahead = await readModels(data);
  assert.equal(ahead.status, 'fail');
  assert.match(ahead.detail, /do not belong to the log: .*users: at position \d+, the log ends at \d+/);
  assert.match(ahead.advice ?? '', /commucat projections rebuild: they are built again/);

  // The command as an operator gives it.
  const diagnose = ['diagnose', '--data', data, '--no-handshake', '--json', ...settings()];
  const told = await commucat(diagnose);
  assert.equal(told.code, 4, told.stderr);
  const said = JSON.parse(told.stdout) as { findings: Finding[] };
  assert.ok(said.findings.some(({ check, status }) => check === 'read models' && status === 'fail'));

  // What the operator says of a restored backup begins another history.
  assert.equal((await commucat(['log', 'restored', '--data', data])).code, 0);
  const other = await readModels(data);
  assert.equal(other.status, 'fail');
  assert.match(other.detail, /users: made from the history [0-9a-f]{32}, the log has [0-9a-f]{32}/);

  // The advice is right.
  await serve(data, 'dave');
  assert.equal((await readModels(data)).status, 'ok');
});

test('given rows whose checkpoint names another event than the log has there, then the event gives them away; rows of older releases name none', {
  skip,
  timeout: 180_000,
}, async () => {
  await using folder = await temporaryFolder();
  const data = join(folder.path, 'data');
  await serve(data, 'erin');
  await client.query(
    `UPDATE projection_checkpoint SET anchor_hash = repeat('0', 64) WHERE projection = 'users'`,
  );
  const changed = await readModels(data);
  assert.equal(changed.status, 'fail');
  assert.match(
    changed.detail,
    /log: users: at position \d+ the log has another event than they were made from$/,
  );
  await client.query(
    'UPDATE projection_checkpoint SET epoch = NULL, anchor_position = NULL, anchor_hash = NULL',
  );
  assert.equal((await readModels(data)).status, 'ok');
  await client.query(`UPDATE projection_checkpoint SET error = 'an event' WHERE projection = 'users'`);
  const stopped = await readModels(data);
  assert.deepEqual([stopped.status, stopped.detail], ['fail', 'users stands still: an event']);
  await client.query('UPDATE projection_checkpoint SET error = NULL');
  await rm(join(data, 'log'), { recursive: true });
  const nothing = await readModels(data);
  assert.equal(nothing.status, 'fail');
  assert.match(nothing.detail, /the log ends at 0/);
});

test('given a server with a database of its own that runs, when it is diagnosed, then its rows are looked at, too', {
  skip,
  timeout: 180_000,
}, async () => {
  await using folder = await temporaryFolder();
  await using server = new RunningCommand(['dev', '--data', folder.path, '--port', '0', '--json']);
  await server.line(0);
  const look = async (): Promise<Finding | undefined> => {
    const { stdout } = await commucat(['diagnose', '--data', folder.path, '--no-handshake', '--json']);
    const { findings: all } = JSON.parse(stdout) as { findings: Finding[] };
    return all.find(({ check }) => check === 'read models');
  };
  await until(async () => (await look())?.status === 'ok');
  assert.equal(await server.end('SIGTERM'), 0);
  assert.equal(await look(), undefined);
});
