import assert from 'node:assert/strict';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { STREAMS } from '../../src/events/streams.ts';
import { commucat, startDev, temporaryFolder } from './cli-support.ts';

const KEY = '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c';
const OTHER_KEY = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a';

test('given a running server, when a user with a device is registered, then the log has both and the same handle is refused', async () => {
  await using folder = await temporaryFolder();
  const data = ['--data', folder.path];
  const { server } = await startDev(folder.path);
  await using _ = server;
  const device = ['--device-id', 'phone', '--device-public', KEY];
  const command = ['register', 'alice', 'Alice A.', 'https://a.example/a.png', ...device, ...data];
  const first = await commucat(command);
  assert.equal(first.code, 0, first.stderr);
  assert.match(
    first.stdout,
    /^user_id=[0-9a-f]{64}\nhandle=alice\ndisplay_name=Alice A\.\navatar_url=https:\/\/a\.example\/a\.png\ndevice_id=phone\n$/,
  );
  const shown = await commucat(['log', 'show', STREAMS.device.stream('phone'), '--json', ...data]);
  const event = JSON.parse(shown.stdout) as { type: string; data: Record<string, unknown> };
  assert.equal(event.type, 'device.registered');
  assert.equal(event.data.publicKey, KEY);
  const otherKey = ['--device-id', 'phone', '--device-public', OTHER_KEY];
  for (const args of [['alice'], ['carol', ...device], ['alice', ...otherKey]]) {
    const again = await commucat(['register', ...args, ...data]);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /taken/);
  }
  assert.deepEqual(await commucat(command), {
    code: 0,
    stdout: first.stdout,
    stderr: 'already registered, same keys\n',
  });
  const renamed = await commucat(['register', 'alice', 'Alice B.', ...device, ...data]);
  assert.deepEqual([renamed.code, renamed.stdout], [0, first.stdout]);
  assert.match(renamed.stderr, /^already registered, same keys; name and picture stay as they are\n$/);
});

test('given keys and ids that HELLO refuses, when they are registered with a server or without, then they are refused with words', async () => {
  await using folder = await temporaryFolder();
  const { server } = await startDev(folder.path);
  const refuse = async (id: string, key: string, words: RegExp): Promise<void> => {
    const device = ['--device-id', id, '--device-public', key];
    const { code, stdout, stderr } = await commucat(['register', 'eve', ...device, '--data', folder.path]);
    assert.deepEqual([code, stdout], [2, ''], stderr);
    assert.match(stderr, words);
  };
  await refuse('phone', '00'.repeat(32), /device_public: all zero is no key/);
  // Of order 8, and y = p + 1.
  await refuse(
    'phone',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    /no Ed25519 public key/,
  );
  await refuse('phone', `ee${'ff'.repeat(30)}7f`, /no Ed25519 public key/);
  await refuse('my phone', KEY, /device_id: expected 1 to 128 printable/);
  await refuse('', KEY, /device_id: expected 1 to 128 printable/);
  assert.equal(await server.end('SIGTERM'), 0);
  await refuse('phone', '00'.repeat(32), /device_public: all zero is no key/);
  const { stdout } = await commucat(['log', 'tail', '--data', folder.path]);
  assert.doesNotMatch(stdout, /eve|phone/);
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

test('given a server that takes the request and stands still, when the same command is given again later, then both were one registration', async () => {
  await using folder = await temporaryFolder();
  const { server } = await startDev(folder.path);
  await using _ = server;
  const file = join(folder.path, 'alice.json');
  const command = ['register', 'alice', '--new-device', file, '--data', folder.path];
  // What a server does whose disk hangs.
  server.process.kill('SIGSTOP');
  const { code, stderr } = await commucat(command);
  assert.equal(code, 5, stderr);
  assert.match(stderr, /not known whether alice was registered \(repeat the same command/);
  const kept = await keyIn(file);
  server.process.kill('SIGCONT');
  const again = await commucat(command);
  assert.equal(again.code, 0, again.stderr);
  assert.equal(await keyIn(file), kept);
  const once = await commucat(command);
  assert.deepEqual(
    [once.code, once.stdout, once.stderr],
    [0, again.stdout, 'already registered, same keys\n'],
  );
  const { stdout } = await commucat([
    'log',
    'show',
    STREAMS.handle.stream('alice'),
    '--data',
    folder.path,
    '--json',
  ]);
  assert.equal(stdout.trim().split('\n').length, 1);
  const chat = await commucat(['chat', 'nobody', '--data', folder.path, '--device', file]);
  assert.equal(chat.code, 0, chat.stderr);
});

test('given a server that goes away with the request, when the same command is given again, then its key is the one that was kept', async () => {
  await using folder = await temporaryFolder();
  const { server } = await startDev(folder.path);
  assert.equal(await server.end('SIGTERM'), 0);
  const killed = createServer((socket) => socket.once('data', () => socket.destroy()));
  killed.listen(join(folder.path, 'control.sock'));
  const file = join(folder.path, 'alice.json');
  const command = ['register', 'alice', '--new-device', file, '--data', folder.path];
  const { code, stderr } = await commucat(command);
  assert.equal(code, 5, stderr);
  assert.match(stderr, /not known whether alice was registered .*went away without an answer/);
  const kept = await keyIn(file);
  await new Promise((closed) => killed.close(closed));
  const again = await commucat(command);
  assert.deepEqual([again.code, again.stderr], [0, '']);
  assert.equal(await keyIn(file), kept);
  const once = await commucat(command);
  assert.deepEqual([once.code, once.stdout], [0, again.stdout]);
});

test('given the file of a device of another server, when it is registered here, then it is refused and the file is not touched', async () => {
  await using here = await temporaryFolder();
  await using there = await temporaryFolder();
  const file = join(there.path, 'alice.json');
  for (const { path } of [here, there]) {
    const { server } = await startDev(path);
    assert.equal(await server.end('SIGTERM'), 0);
  }
  const register = ['register', 'alice', '--new-device', file, '--data'];
  assert.equal((await commucat([...register, there.path])).code, 0);
  const before = await readFile(file, 'utf8');
  const { code, stderr } = await commucat([...register, here.path]);
  assert.equal(code, 1);
  assert.match(stderr, /its file is of another server/);
  assert.equal(await readFile(file, 'utf8'), before);
});

async function keyIn(file: string): Promise<string> {
  const { device } = JSON.parse(await readFile(file, 'utf8')) as { device: { public_key: string } };
  return device.public_key;
}
