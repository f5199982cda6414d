import assert from 'node:assert/strict';
import { rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { commucat, startDev, temporaryFolder } from './cli-support.ts';

const KEY = '8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f';

test('given a running server, when a user with a device is registered, then the log has both and the same handle is refused', async () => {
  await using folder = await temporaryFolder();
  const data = ['--data', folder.path];
  const { server } = await startDev(folder.path);
  await using _ = server;
  const device = ['--device-id', 'phone', '--device-public', KEY];
  const first = await commucat([
    'register',
    'alice',
    'Alice A.',
    'https://a.example/a.png',
    ...device,
    ...data,
  ]);
  assert.equal(first.code, 0, first.stderr);
  assert.match(
    first.stdout,
    /^user_id=[0-9a-f]{64}\nhandle=alice\ndisplay_name=Alice A\.\navatar_url=https:\/\/a\.example\/a\.png\ndevice_id=phone\n$/,
  );
  const shown = await commucat(['log', 'show', 'device-phone', '--json', ...data]);
  const event = JSON.parse(shown.stdout) as { type: string; data: Record<string, unknown> };
  assert.equal(event.type, 'device.registered');
  assert.equal(event.data.publicKey, KEY);
  for (const args of [['alice'], ['carol', ...device]]) {
    const again = await commucat(['register', ...args, ...data]);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /taken/);
  }
});

test('given no running server and the socket of a killed one, when a user is registered, then the log gets it directly', async () => {
  await using folder = await temporaryFolder();
  const { server } = await startDev(folder.path);
  await server.end('SIGKILL');
  assert.ok((await stat(join(folder.path, 'control.sock'))).isSocket());
  const data = ['--data', folder.path, '--json'];
  const file = join(folder.path, 'bob.json');
  const { code, stdout, stderr } = await commucat(['register-user', 'bob', '--new-device', file, ...data]);
  assert.equal(code, 0, stderr);
  const registered = JSON.parse(stdout) as Record<string, string>;
  assert.equal(registered.handle, 'bob');
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.equal((await commucat(['register', 'bob', ...data])).code, 1);
  const restarted = await startDev(folder.path, '--set', 'server.auto_approve_devices=false');
  await using _ = restarted.server;
  const chat = ['chat', 'nobody', '--data', folder.path, '--device', file];
  assert.equal((await commucat(chat)).code, 0);
  const stranger = await commucat(['chat', 'nobody', '--data', folder.path, '--as', 'stranger']);
  assert.equal(stranger.code, 1);
  assert.match(stranger.stderr, /must be paired/);
});

test('given a handle that is taken, when a new device is asked for, then no key file is left and an existing one is not touched', async () => {
  await using folder = await temporaryFolder();
  const { server } = await startDev(folder.path);
  await using _ = server;
  const data = ['--data', folder.path];
  const [kept, fresh] = [join(folder.path, 'kept.json'), join(folder.path, 'fresh.json')];
  assert.equal((await commucat(['register', 'dora', '--new-device', kept, ...data])).code, 0);
  assert.equal((await commucat(['register', 'dora', '--new-device', fresh, ...data])).code, 1);
  await assert.rejects(stat(fresh));
  assert.equal((await commucat(['register', 'erin', '--new-device', kept, ...data])).code, 2);
});

test('given a stranger at the control socket path, when the server starts, then it refuses to remove what is no socket', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'control.sock');
  await writeFile(path, 'mine');
  const { code } = await commucat([
    'dev',
    '--data',
    folder.path,
    '--port',
    '0',
    '--set',
    'storage.postgres_dsn=none',
  ]);
  assert.equal(code, 1);
  await rm(path);
  // A live socket of nobody we know: the log's lock says that it is left over.
  const other = createServer().listen(path);
  const { server } = await startDev(folder.path);
  assert.equal(await server.end('SIGTERM'), 0);
  other.close();
});

test('given a server that takes the request and is silent, when a new device is registered, then the outcome is called unknown and the key is kept', async () => {
  await using folder = await temporaryFolder();
  const { server } = await startDev(folder.path);
  assert.equal(await server.end('SIGTERM'), 0);
  // What a server does whose disk hangs.
  const silent = createServer((socket) => socket.resume()).listen(join(folder.path, 'control.sock'));
  const file = join(folder.path, 'alice.json');
  const { code, stderr } = await commucat(['register', 'alice', '--new-device', file, '--data', folder.path]);
  assert.equal(code, 5, stderr);
  assert.match(stderr, /not known whether alice was registered; commucat log show handle-alice says/);
  assert.ok((await stat(file)).isFile());
  silent.close();
});
