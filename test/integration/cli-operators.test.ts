// What operators do to a server that stands still: its keys, its read models.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { WireClient } from '../kit/wire-client.ts';
import { commucat, type Ready, RunningCommand, startDev, temporaryFolder } from './cli-support.ts';
import { postgresProblem } from './projections-support.ts';

interface Keys {
  readonly noise: readonly { readonly version: number; readonly public: string; readonly created: string }[];
  readonly authority: string | null;
}

async function keysIn(data: string): Promise<Keys> {
  const { code, stdout, stderr } = await commucat(['keys', 'list', '--data', data, '--json']);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Keys;
}

async function connects({ ca_file, domain, url }: Ready, noisePublic: string, device: string): Promise<void> {
  const ca = await readFile(ca_file);
  const client = await WireClient.connect(
    { ca, port: Number(new URL(url).port), domain, noisePublic },
    device,
  );
  client.close();
}

test('given a server, when its key is rotated, then it shows the new one, and who has pinned the old one still gets in', async () => {
  await using folder = await temporaryFolder();
  const data = folder.path;
  const { ready, server } = await startDev(data);
  const before = await keysIn(data);
  assert.deepEqual(
    before.noise.map((key) => [key.version, key.public]),
    [[1, ready.noise_public]],
  );
  assert.match(before.authority ?? '', /^[0-9a-f]{64}$/);

  const busy = await commucat(['keys', 'rotate', '--data', data]);
  assert.equal(busy.code, 1);
  assert.match(busy.stderr, /writes this log .*stop that server/);
  assert.deepEqual(await keysIn(data), before);

  assert.equal(await server.end('SIGTERM'), 0);
  const rotated = await commucat(['keys', 'rotate', '--data', data, '--json']);
  assert.equal(rotated.code, 0, rotated.stderr);
  const after = await keysIn(data);
  assert.deepEqual(JSON.parse(rotated.stdout), { noise: after.noise });
  assert.deepEqual(
    after.noise.map(({ version }) => version),
    [2, 1],
  );
  assert.equal(after.authority, before.authority);

  const again = await startDev(data);
  await using second = again.server;
  assert.equal(again.ready.noise_public, after.noise[0]?.public);
  await connects(again.ready, ready.noise_public, 'pinned-the-old-one');
  await connects(again.ready, again.ready.noise_public, 'asked-today');
  assert.equal(await second.end('SIGTERM'), 0);
});

test('given a folder without the keys that its log knows, when keys are listed or rotated, then nothing is made', async () => {
  await using folder = await temporaryFolder();
  const { server } = await startDev(folder.path);
  assert.equal(await server.end('SIGTERM'), 0);
  const elsewhere = ['--set', `crypto.noise_key_file=${join(folder.path, 'none')}`];
  const listed = await commucat(['keys', 'list', '--data', folder.path, ...elsewhere, '--json']);
  assert.deepEqual((JSON.parse(listed.stdout) as Keys).noise, []);
  const missing = await commucat(['keys', 'rotate', '--data', folder.path, ...elsewhere]);
  assert.equal(missing.code, 3);
  assert.match(missing.stderr, /is missing, but the log has seen this server's keys/);
  await assert.rejects(readFile(join(folder.path, 'none')), { code: 'ENOENT' });

  const log = await commucat(['keys', 'rotate', '--data', join(folder.path, 'nowhere')]);
  assert.notEqual(log.code, 0);
});

test('given a server with read models, when they are looked at and built again, then they are where the log is', {
  skip: await postgresProblem(),
  timeout: 180_000,
}, async () => {
  await using folder = await temporaryFolder();
  const data = folder.path;
  await using server = new RunningCommand(['dev', '--data', data, '--port', '0', '--json']);
  await server.line(0);
  assert.equal((await commucat(['register', 'alice', '--data', data])).code, 0);
  const busy = await commucat(['projections', 'rebuild', '--data', data]);
  assert.equal(busy.code, 1);
  assert.match(busy.stderr, /writes this log .*stop that server/);
  assert.equal(await server.end('SIGTERM'), 0);

  const rebuilt = await commucat(['projections', 'rebuild', '--data', data, '--json']);
  assert.equal(rebuilt.code, 0, rebuilt.stderr);
  const { database, position, projections } = JSON.parse(rebuilt.stdout);
  assert.equal(database, 'embedded');
  assert.ok(position > 0);
  const status = await commucat(['projections', 'status', '--data', data, '--json']);
  assert.equal(status.code, 0, status.stderr);
  const states: readonly Record<string, unknown>[] = JSON.parse(status.stdout).projections;
  assert.deepEqual(states.map(({ projection }) => projection).sort(), [...projections].sort());
  assert.deepEqual([...new Set(states.map(({ lag }) => lag))], [0]);
  assert.deepEqual([...new Set(states.map(({ position: at }) => at))], [position]);

  const none = ['--data', data, '--set', 'storage.postgres_dsn=none'];
  const nothing = await commucat(['projections', 'status', ...none]);
  assert.deepEqual([nothing.code, nothing.stdout.includes('there are no read models')], [0, true]);
});
