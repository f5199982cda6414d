import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Client } from 'pg';
import { startEmbeddedPostgres } from '../../src/projections/index.ts';
import { systemRandom } from '../../src/system/index.ts';
import { postgresProblem } from './projections-support.ts';

const skip = await postgresProblem();
/** As mktemp makes it, mode 0700: for root the harder case. */
let directory: string;
const start = () => startEmbeddedPostgres({ directory, random: systemRandom });

async function ask(dsn: string, text: string): Promise<unknown> {
  const client = new Client({ connectionString: dsn });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(text);
    return Object.values(rows[0] ?? {})[0];
  } finally {
    await client.end();
  }
}

async function postmasterPid(): Promise<number> {
  return Number((await readFile(join(directory, 'data', 'postmaster.pid'), 'utf8')).split('\n')[0]);
}

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'commucat-postgres-'));
});
after(() => rm(directory, { recursive: true, force: true }));

test('given nothing, when it starts, then it serves on loopback only, with a password in a file that only we can read', {
  skip,
}, async () => {
  await using server = await start();
  assert.equal(server.reused, false);
  assert.equal(await ask(server.dsn, 'SELECT current_database()'), 'commucat');
  assert.equal(await ask(server.dsn, 'SHOW listen_addresses'), '127.0.0.1');
  assert.equal(await ask(server.dsn, 'SHOW unix_socket_directories'), '');
  assert.equal((await stat(join(directory, 'password'))).mode & 0o777, 0o600);
  const wrong = server.dsn.replace(/:[^:@]+@/, ':wrong@');
  await assert.rejects(ask(wrong, 'SELECT 1'), /password authentication failed/);
});

test('given a server that an earlier process left running, when it starts, then it is taken over with its data', {
  skip,
}, async () => {
  const left = await start();
  await ask(left.dsn, 'CREATE TABLE kept (n integer)');
  await using server = await start();
  assert.equal(server.reused, true);
  assert.equal(server.port, left.port);
  assert.equal(await ask(server.dsn, 'SELECT count(*)::int FROM kept'), 0);
});

test('given a server that was killed, when it starts, then the stale pid file does not stop it', {
  skip,
}, async () => {
  const killed = await start();
  process.kill(await postmasterPid(), 'SIGKILL');
  await using server = await start();
  assert.notEqual(server, killed);
  assert.equal(await ask(server.dsn, 'SELECT count(*)::int FROM kept'), 0);
});

test('given a pid file whose process is now somebody else, when it starts, then nothing of that process is touched', {
  skip: skip || (process.platform !== 'linux' && 'needs /proc'),
}, async () => {
  const lines = [process.pid, join(directory, 'data'), 1, 9, '', '127.0.0.1', '', 'ready'];
  await writeFile(join(directory, 'data', 'postmaster.pid'), `${lines.join('\n')}\n`);
  await using server = await start();
  assert.equal(server.reused, false);
  assert.equal(await ask(server.dsn, 'SELECT 1'), 1);
});

test('given a folder whose name a shell would execute, when it starts, is taken over and stops, then no shell saw it', {
  skip,
}, async () => {
  const parent = await mkdtemp(join(tmpdir(), 'commucat-postgres-'));
  try {
    const name = `a "quoted" 'one' $(exit 3) \`exit 4\` $HOME \\ ; & | > x\n9\nready`;
    const nasty = join(parent, name);
    const options = { directory: nasty, random: systemRandom };
    await startEmbeddedPostgres(options);
    await using taken = await startEmbeddedPostgres(options);
    assert.equal(taken.reused, true);
    assert.equal(await ask(taken.dsn, 'SHOW data_directory'), join(nasty, 'data'));
    assert.deepEqual(await readdir(parent), [name]);
  } finally {
    await rm(parent, { recursive: true, force: true });
  }
});

test('given a start that is no longer wanted, when it is aborted, then no server is left and the next start works', {
  skip,
}, async () => {
  const parent = await mkdtemp(join(tmpdir(), 'commucat-postgres-'));
  try {
    const ending = new AbortController();
    const starting = startEmbeddedPostgres({
      directory: parent,
      random: systemRandom,
      signal: ending.signal,
    });
    ending.abort();
    await assert.rejects(starting, { name: 'AbortError' });
    await assert.rejects(stat(join(parent, 'data', 'postmaster.pid')));
    await using server = await startEmbeddedPostgres({ directory: parent, random: systemRandom });
    assert.equal(server.reused, false);
    assert.equal(await ask(server.dsn, 'SELECT 1'), 1);
  } finally {
    await rm(parent, { recursive: true, force: true });
  }
});

test('given a folder of another major version, when it is started, then it says that the read models can be built again', {
  skip,
}, async () => {
  const file = join(directory, 'data', 'PG_VERSION');
  const version = await readFile(file, 'utf8');
  await writeFile(file, '9\n');
  await assert.rejects(start(), /made by PostgreSQL 9, this release brings \d+\..*rm -r/);
  await writeFile(file, version);
});
