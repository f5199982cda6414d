import assert from 'node:assert/strict';
import { test } from 'node:test';
import { channelOf } from '../../cli/chat/connection-options.ts';
import { commucat, RunningCommand, startDev, temporaryFolder } from './cli-support.ts';

test('given two chats, when one writes while the other is away, then it is printed when that one comes back, once', async () => {
  await using folder = await temporaryFolder();
  const { server } = await startDev(folder.path);
  await using _ = server;
  const chat = (as: string, peer: string, input = '') =>
    commucat(['chat', peer, '--as', as, '--data', folder.path, '--json'], { input });
  assert.equal((await chat('bob', 'alice')).code, 0);
  await using bob = new RunningCommand(['chat', 'alice', '--as', 'bob', '--data', folder.path, '--stay']);
  await bob.until(() => bob.stderr.includes('* connected'));
  assert.equal((await chat('alice', 'bob', 'one\n')).code, 0);
  assert.equal(await bob.line(0), 'alice: one');
  assert.equal(await bob.end('SIGINT'), 0);
  assert.equal((await chat('alice', 'bob', 'two\n\u001b[2Jthree\n/quit\nnever sent\n')).code, 0);
  await using again = new RunningCommand(['chat', 'alice', '--as', 'bob', '--data', folder.path, '--stay']);
  assert.equal(await again.line(0), 'alice: two');
  assert.equal(await again.line(1), 'alice: \\u001b[2Jthree');
  assert.equal(await again.end('SIGTERM'), 0);
  assert.deepEqual([bob.lines.length, again.lines.length], [1, 2]);
});

test('given a peer that has never been there, when somebody writes to it, then it is said once that nobody gets it, and not to who has joined', async () => {
  await using folder = await temporaryFolder();
  const { server } = await startDev(folder.path);
  await using _ = server;
  const chat = (as: string, peer: string, input: string) =>
    commucat(['chat', peer, '--as', as, '--data', folder.path], { input });
  const alone = await chat('alice', 'bob', 'one\ntwo\n');
  assert.equal(alone.stderr.match(/bob has not joined yet/g)?.length, 1, alone.stderr);
  const together = await chat('bob', 'alice', 'three\n');
  assert.doesNotMatch(together.stderr, /has not joined yet/);
});

test('given no server, when a chat starts, then it ends with 5', async () => {
  await using folder = await temporaryFolder();
  const { server } = await startDev(folder.path);
  assert.equal(await server.end('SIGTERM'), 0);
  const { code, stderr } = await commucat(['chat', 'bob', '--as', 'alice', '--data', folder.path]);
  assert.equal(code, 5);
  assert.match(stderr, /ECONNREFUSED/);
});

test('given two device ids, when both sides derive the number of their channel, then it is the same and another pair has another', () => {
  assert.equal(channelOf('alice', 'bob'), channelOf('bob', 'alice'));
  assert.notEqual(channelOf('alice', 'bob'), channelOf('alice', 'carol'));
  assert.ok(channelOf('alice', 'bob') > 0 && channelOf('alice', 'bob') < 2 ** 31);
});
