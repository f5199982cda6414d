import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryLog } from '../../src/log/memory/memory-log.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { Scheduler } from '../kit/scheduler.ts';
import { pair, world } from './worlds.ts';

test('given two members, when one speaks, then it is acknowledged and the other hears it with inbox number 1', async () => {
  await using server = await world();
  const [alice, bob] = await pair(server);
  const ack = await alice.say(7, 'hello');
  assert.equal(ack.type, FRAME.ACK);
  assert.deepEqual(bob.heard(), ['hello']);
  assert.equal(bob.of(FRAME.MSG)[0]?.sequence, 1);
  assert.deepEqual(alice.heard(), []);
  assert.deepEqual(server.failures, []);
});

test('given an offline member, when it returns, then its mail arrives in order, once', async () => {
  await using server = await world();
  const [alice, bob] = await pair(server);
  await bob.leave();
  for (let number = 0; number < 300; number += 1) alice.post(FRAME.MSG, 7, `${number}`);
  await server.clock.settle();
  const back = await server.connect('bob');
  await server.clock.settle();
  assert.equal(back.heard().length, 256);
  back.confirm(256);
  await server.clock.settle();
  assert.deepEqual(
    back.heard(),
    Array.from({ length: 300 }, (_, number) => `${number}`),
  );
});

test('given a restart, when the devices return, then channel, mail and counters are what they were', async () => {
  const clock = new Scheduler();
  const log = new MemoryLog(clock);
  const first = await world({ clock, log });
  const [alice, bob] = await pair(first);
  await alice.say(7, 'one');
  bob.confirm(1);
  await bob.leave();
  const { json } = await alice.say(7, 'two');
  await first[Symbol.asyncDispose]();
  await using second = await world({ clock, log });
  const again = await second.connect('bob');
  const { confirmed, next, epoch } = again.facts.inbox ?? {};
  assert.deepEqual([confirmed, next, epoch], [1, 3, log.epoch]);
  assert.deepEqual(again.heard(), ['two']);
  assert.equal(again.of(FRAME.MSG)[0]?.sequence, 2);
  const aliceAgain = await second.connect('alice');
  assert.equal(aliceAgain.facts.resume?.received, json.ack);
  await aliceAgain.say(7, 'three');
  assert.deepEqual(again.heard(), ['two', 'three']);
});

test('given a device id with another key, when it connects, then it is refused and the owner stays', async () => {
  await using server = await world();
  await server.connect('alice');
  await assert.rejects(server.connect('alice', { key: 'thief' }), /invalid request: device_key_mismatch/);
});

test('given an existing user, when a stranger names its handle or id, then pairing is required', async () => {
  await using server = await world();
  const alice = await server.connect('alice');
  await assert.rejects(server.connect('new', { handle: 'user-of-alice' }), /pairing required/);
  await assert.rejects(server.connect('new', { userId: alice.facts.user.id }), /pairing required/);
  await server.connect('new', { handle: 'somebody' });
});

test('given a second connection of a device, then the first is told and ended, and its end harms nothing', async () => {
  await using server = await world();
  const [alice, bob] = await pair(server);
  const newer = await server.connect('bob');
  assert.equal(bob.endedBecause, 'replaced');
  assert.equal(bob.of(FRAME.ERROR)[0]?.json.error, 'replaced');
  await bob.leave();
  await alice.say(7, 'to the newer one');
  assert.deepEqual(newer.heard(), ['to the newer one']);
});

test('given resume, when a frame is sent again, then it is acknowledged twice and delivered once', async () => {
  await using server = await world();
  const [alice, bob] = await pair(server);
  for (const [sequence, words] of [
    [10, 'a'],
    [11, 'b'],
    [11, 'b'],
    [10, 'a'],
  ] as const) {
    assert.equal((await alice.ask(FRAME.MSG, 7, words, sequence)).type, FRAME.ACK);
  }
  assert.deepEqual(bob.heard(), ['a', 'b']);
});

test('given no delivery-ack, when the transport takes nothing, then the mail waits and comes on the next connection', async () => {
  await using server = await world();
  const alice = await server.connect('alice');
  const bob = await server.connect('bob', { capabilities: [] });
  await alice.join(7, ['alice', 'bob']);
  await bob.join(7, ['alice', 'bob']);
  bob.deaf = true;
  await alice.say(7, 'lost on the way');
  await bob.leave('network');
  const again = await server.connect('bob', { capabilities: [] });
  assert.deepEqual(again.heard(), ['lost on the way']);
  await again.leave();
  const third = await server.connect('bob', { capabilities: [] });
  assert.deepEqual(third.heard(), []);
});

test('given mail that expires, when the device returns, then it is told which numbers it will not see', async () => {
  const clock = new Scheduler();
  await using server = await world({ clock });
  const [alice, bob] = await pair(server);
  await bob.leave();
  await alice.say(7, 'old one');
  await alice.say(7, 'old two');
  await clock.advance(3_700_000);
  await alice.say(7, 'fresh');
  const back = await server.connect('bob');
  const [error] = back.of(FRAME.ERROR);
  assert.equal(error?.json.error, 'expired');
  assert.deepEqual([error?.json.from, error?.json.to], [1, 2]);
  assert.deepEqual(back.heard(), ['fresh']);
  assert.equal(back.of(FRAME.MSG)[0]?.sequence, 3);
});

test('given TYPING, when a member is offline, then it is not stored; when online, it passes', async () => {
  await using server = await world();
  const [alice, bob] = await pair(server);
  await alice.ask(FRAME.TYPING, 7, { device: 'alice' });
  assert.equal(bob.of(FRAME.TYPING).length, 1);
  await bob.leave();
  await alice.ask(FRAME.TYPING, 7, { device: 'alice' });
  const back = await server.connect('bob');
  assert.equal(back.of(FRAME.TYPING).length, 0);
});

test('given a frame that no record can carry, then its sender gets ERROR and keeps the connection', async () => {
  await using server = await world();
  const [alice, bob] = await pair(server);
  assert.equal((await alice.say(7, 'x'.repeat(66_000))).json.error, 'too_large');
  await alice.say(7, 'short');
  assert.deepEqual(bob.heard(), ['short']);
});

test('given bytes that are no JSON in a JSON frame, then ERROR decode follows and the session ends', async () => {
  await using server = await world();
  const alice = await server.connect('alice');
  alice.post(FRAME.JOIN, 7, '{]');
  await server.clock.settle();
  assert.deepEqual(alice.of(FRAME.ERROR)[0]?.json, { error: 'decode' });
  assert.equal(alice.endedBecause, 'decode');
});

test('given a call of two, when one disconnects, then the other gets CALL_END from the system', async () => {
  await using server = await world();
  const [alice, bob] = await pair(server);
  const offer = { call_id: 'c1', from: 'alice', to: ['bob'] };
  assert.equal((await alice.ask(FRAME.CALL_OFFER, 7, offer)).json.call_id, 'c1');
  await bob.ask(FRAME.CALL_ANSWER, 7, { call_id: 'c1', accept: true });
  await alice.leave();
  assert.deepEqual(bob.of(FRAME.CALL_END)[0]?.json, {
    call_id: 'c1',
    metadata: { cause: 'disconnect', device: 'alice', system: true },
    reason: 'failure',
  });
});

test('given a device in a call, when it connects again before the old connection is gone, then the call goes on', async () => {
  await using server = await world();
  const [alice, bob] = await pair(server);
  await alice.ask(FRAME.CALL_OFFER, 7, { call_id: 'c1', from: 'alice', to: ['bob'] });
  await bob.ask(FRAME.CALL_ANSWER, 7, { call_id: 'c1', accept: true });
  const moved = await server.connect('alice');
  assert.equal(alice.endedBecause, 'replaced');
  assert.deepEqual(bob.of(FRAME.CALL_END), []);
  assert.equal((await moved.ask(FRAME.CALL_STATS, 7, { call_id: 'c1', direction: 'send' })).type, FRAME.ACK);
});

test('given a call frame whose JSON is not what its type wants, then ERROR malformed answers and nothing is logged as a failure', async () => {
  await using server = await world();
  const [alice] = await pair(server);
  for (const offer of [
    { call_id: 1 },
    { call_id: '', from: 'alice', to: [] },
    { call_id: 'x'.repeat(129), from: 'alice', to: [] },
  ]) {
    assert.equal((await alice.ask(FRAME.CALL_OFFER, 7, offer)).json.error, 'malformed');
  }
  assert.deepEqual(server.failures, []);
});

test('given a call, when a frame for it comes on another channel, then the call is unknown there', async () => {
  await using server = await world();
  const [alice] = await pair(server);
  await alice.join(8, ['alice', 'bob']);
  await alice.ask(FRAME.CALL_OFFER, 7, { call_id: 'c1', from: 'alice', to: ['bob'] });
  const answer = await alice.ask(FRAME.CALL_STATS, 8, { call_id: 'c1', direction: 'send' });
  assert.equal(answer.json.error, 'unknown_call');
});

test('given a frame behind a JOIN in the same read, then it waits for the JOIN and is delivered', async () => {
  await using server = await world();
  const [, bob] = await pair(server);
  const carol = await server.connect('carol');
  await bob.join(7, ['bob', 'carol']);
  carol.post(FRAME.JOIN, 7, { members: ['bob'] });
  carol.post(FRAME.MSG, 7, 'right behind');
  await server.clock.settle();
  assert.deepEqual(bob.heard(), ['right behind']);
});

test('given a confirmation of a number never sent, then ERROR answers and nothing is released', async () => {
  await using server = await world();
  const [alice, bob] = await pair(server);
  await alice.say(7, 'one');
  const error = await bob.ask(FRAME.ACK, 0, { ack: 2 }, 99).catch(() => bob.of(FRAME.ERROR)[0]);
  assert.equal(error?.json.error, 'unknown_inbox_number');
  await bob.leave();
  assert.deepEqual((await server.connect('bob')).heard(), ['one']);
});
