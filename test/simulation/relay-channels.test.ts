import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { pair, world } from './worlds.ts';

test('given a stranger with the same number, then it has a channel of its own and hears nothing', async () => {
  await using server = await world();
  const [alice, bob] = await pair(server);
  const mallory = await server.connect('mallory');
  assert.equal((await mallory.join(7, ['mallory'])).type, FRAME.ACK);
  assert.equal((await mallory.join(7, ['mallory', 'alice', 'bob'])).type, FRAME.ACK);
  await alice.say(7, 'private');
  assert.deepEqual(mallory.heard(), []);
  await mallory.say(7, 'intrusion');
  assert.deepEqual(alice.heard(), []);
  assert.deepEqual(bob.heard(), ['private']);
});

test('given a stranger that listed a device first, when that device joins its friends, then the squat has no effect', async () => {
  await using server = await world();
  const mallory = await server.connect('mallory');
  await mallory.join(7, ['mallory', 'alice', 'bob']);
  const [alice, bob] = await pair(server);
  await alice.say(7, 'for bob only');
  assert.deepEqual(bob.heard(), ['for bob only']);
  assert.deepEqual(mallory.heard(), []);
});

test('given a stranger, when it sends LEAVE for a foreign number, then the channel stays', async () => {
  await using server = await world();
  const [alice, bob] = await pair(server);
  const mallory = await server.connect('mallory');
  assert.equal((await mallory.ask(FRAME.LEAVE, 7, {})).type, FRAME.ACK);
  await alice.say(7, 'still here');
  assert.deepEqual(bob.heard(), ['still here']);
});

test('given a member that left, when others speak, then it hears nothing and may not speak', async () => {
  await using server = await world();
  const [alice, bob] = await pair(server);
  await bob.ask(FRAME.LEAVE, 7, {});
  await alice.say(7, 'gone');
  assert.deepEqual(bob.heard(), []);
  assert.equal((await bob.say(7, 'hello?')).json.error, 'unknown_channel');
});

test('given a listed device that has not joined, when a member speaks, then nothing is stored for it', async () => {
  await using server = await world();
  const alice = await server.connect('alice');
  const bob = await server.connect('bob');
  await alice.join(7, ['alice', 'bob']);
  await alice.say(7, 'too early');
  assert.deepEqual(bob.heard(), []);
  await bob.join(7, ['alice']);
  await alice.say(7, 'now');
  assert.deepEqual(bob.heard(), ['now']);
});

test('given channels.reach = anyone, when a member speaks, then a listed device hears it at once', async () => {
  await using server = await world({ reach: 'anyone' });
  const bob = await server.connect('bob');
  const alice = await server.connect('alice');
  await alice.join(7, ['alice', 'bob']);
  await alice.say(7, 'hi');
  assert.deepEqual(bob.heard(), ['hi']);
});

test('given reach = anyone and a stranger that put bob into its channel, when bob joins alice, then they meet', async () => {
  await using server = await world({ reach: 'anyone' });
  const bob = await server.connect('bob');
  const mallory = await server.connect('mallory');
  await mallory.join(7, ['mallory', 'bob']);
  const alice = await server.connect('alice');
  await alice.join(7, ['alice', 'bob']);
  await bob.join(7, ['alice', 'bob']);
  await alice.say(7, 'between us');
  await mallory.say(7, 'noise');
  assert.deepEqual(bob.heard(), ['between us']);
});

test('given plaintext sessions, when both join by naming only themselves, then they meet in an open room', async () => {
  await using server = await world();
  const old = await server.connect('old', { generation: 'plaintext', capabilities: [] });
  const older = await server.connect('older', { generation: 'plaintext', capabilities: [] });
  await old.join(5, ['old']);
  await older.join(5, ['older']);
  await old.say(5, 'hi');
  assert.deepEqual(older.heard(), ['hi']);
});

test('given a plaintext member, when a frame comes that it cannot read, then it is left out and the next one arrives', async () => {
  await using server = await world({ openRooms: 'always' });
  const old = await server.connect('old', { generation: 'plaintext', capabilities: [] });
  await old.join(5, ['old']);
  const alice = await server.connect('alice');
  await alice.join(5, ['alice']);
  const offer = {
    call_id: 'c',
    from: 'alice',
    to: ['old'],
    media: { audio: { codec: 'raw_pcm', bitrate: 1, sample_rate: 8000, channels: 1 } },
  };
  await alice.ask(FRAME.CALL_OFFER, 5, offer);
  await alice.ask(FRAME.TYPING, 5, { typing: true });
  await alice.say(5, 'readable');
  assert.deepEqual(old.of(FRAME.CALL_OFFER), []);
  assert.deepEqual(old.of(FRAME.TYPING), []);
  assert.deepEqual(old.heard(), ['readable']);
  await old.leave();
  const back = await server.connect('old', { generation: 'plaintext', capabilities: [] });
  assert.deepEqual(back.heard(), []);
});
