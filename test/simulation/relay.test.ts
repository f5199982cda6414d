import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogError } from '../../src/log/log-error.ts';
import { MemoryLog } from '../../src/log/memory/memory-log.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { Scheduler } from '../kit/scheduler.ts';
import { SimulatedDisk } from '../kit/simulated-disk.ts';
import { turns } from '../kit/waiting.ts';
import { RelayWorld, type TestClient, type WorldOptions } from './relay-world.ts';

async function world(options: Partial<WorldOptions> = {}): Promise<RelayWorld> {
  const clock = options.clock ?? new Scheduler();
  return RelayWorld.start({ log: options.log ?? new MemoryLog(clock), clock, ...options });
}

async function pair(server: RelayWorld, channel = 7): Promise<[TestClient, TestClient]> {
  const alice = await server.connect('alice');
  const bob = await server.connect('bob');
  await alice.join(channel, ['alice', 'bob']);
  await bob.join(channel, ['alice', 'bob']);
  return [alice, bob];
}

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

test('given a disk that holds its writes, when much waits for it, then senders are not read until it goes on', async () => {
  const clock = new Scheduler();
  const disk = new SimulatedDisk(clock);
  await using server = await world({
    clock,
    log: disk.open(),
    office: { collected: 4096, collectedPerDevice: 4096 },
  });
  const [alice, bob] = await pair(server);
  disk.hold('mail');
  for (let number = 0; number < 20; number += 1) {
    alice.post(FRAME.MSG, 7, `${number} ${'x'.repeat(500)}`);
    await turns(2);
  }
  assert.equal(alice.held, true);
  assert.equal(bob.held, false);
  disk.release();
  await clock.settle();
  assert.equal(alice.held, false);
  assert.equal(bob.heard().length, 20);
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

test('given a log that refuses, when a resuming client speaks, then it gets no ACK, is ended, and its resend arrives once', async () => {
  const clock = new Scheduler();
  const log = new MemoryLog(clock);
  await using server = await world({ clock, log });
  const [alice, bob] = await pair(server);
  await alice.say(7, 'one');
  log.failing = new LogError('LOG_UNAVAILABLE', 'disk full', { retryable: true });
  const answer = await alice.ask(FRAME.MSG, 7, 'two', 50);
  assert.equal(answer.json.error, 'storage');
  assert.equal(alice.endedBecause, 'storage_unavailable');
  log.failing = undefined;
  const again = await server.connect('alice');
  assert.notEqual(again.facts.resume?.received, 50);
  assert.equal((await again.ask(FRAME.MSG, 7, 'two', 50)).type, FRAME.ACK);
  assert.deepEqual(bob.heard(), ['one', 'two']);
  assert.deepEqual(
    bob.of(FRAME.MSG).map(({ sequence }) => sequence),
    [1, 2],
  );
});

test('given a disk that refuses, when devices keep coming back, then one handshake in a second writes, and all get in when it is well', async () => {
  const clock = new Scheduler();
  const log = new MemoryLog(clock);
  await using server = await world({ clock, log });
  let writes = 0;
  const append = log.append.bind(log);
  log.append = (appends) => {
    writes += 1;
    return append(appends);
  };
  log.failing = new LogError('LOG_UNAVAILABLE', 'disk full', { retryable: true });
  for (let second = 0; second < 3; second += 1) {
    for (let device = 0; device < 50; device += 1) {
      await assert.rejects(server.connect(`device-${device}`), /storage failure: storage/);
    }
    assert.equal(writes, second + 1);
    await clock.advance(1000);
  }
  log.failing = undefined;
  for (let device = 0; device < 50; device += 1) await server.connect(`device-${device}`);
});

test('given a disk that refuses, when connections break, then one append in a second is tried, and the ends are in the log when it is well', async () => {
  const clock = new Scheduler();
  const log = new MemoryLog(clock);
  await using server = await world({ clock, log });
  const clients = [];
  for (let device = 0; device < 100; device += 1) clients.push(await server.connect(`device-${device}`));
  let writes = 0;
  const append = log.append.bind(log);
  log.append = (appends) => {
    writes += 1;
    return append(appends);
  };
  log.failing = new LogError('LOG_UNAVAILABLE', 'disk full', { retryable: true });
  for (const client of clients) await client.leave('broken');
  // Handshakes and ends share the one try.
  for (let second = 0; second < 3; second += 1) {
    await clock.advance(1000);
    await assert.rejects(server.connect('device-0'), /storage failure: storage/);
    assert.ok(writes <= second + 2, `${writes} appends within ${second + 1} s`);
  }
  log.failing = undefined;
  await clock.advance(2000);
  let ends = 0;
  for await (const { type } of log.readAll({ categories: ['session'] })) {
    if (type === 'session.closed') ends += 1;
  }
  assert.equal(ends, 100);
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

test('given mail that expired with nothing behind it, when the device returns, then nothing spins and the next frame follows the gap', async () => {
  const clock = new Scheduler();
  await using server = await world({ clock });
  const [alice, bob] = await pair(server);
  await bob.leave();
  await alice.say(7, 'expires unread');
  await clock.advance(3_700_000);
  const back = await server.connect('bob');
  assert.equal(back.frames.length, 0);
  await alice.say(7, 'fresh');
  const [error, message] = back.frames;
  assert.deepEqual([error?.json.error, error?.json.from, error?.json.to], ['expired', 1, 1]);
  assert.deepEqual([message?.text, message?.sequence], ['fresh', 2]);
});

test('given a crash before the counters were written, when the next server gives space back and stops, then received is still known', async () => {
  const clock = new Scheduler();
  const disk = new SimulatedDisk(clock);
  const first = await world({ log: disk.open(), clock });
  const [alice, bob] = await pair(first);
  await alice.ask(FRAME.MSG, 7, 'read at once', 50);
  bob.confirm(1);
  await bob.ask(FRAME.JOIN, 8, { members: [] });
  await bob.ask(FRAME.MSG, 8, 'read by nobody', 60);
  first.cut();
  disk.crash();
  const second = await world({ log: disk.open(), clock });
  await clock.advance(1_000);
  await second[Symbol.asyncDispose]();
  await using third = await world({ log: disk.open(), clock });
  assert.equal((await third.connect('alice')).facts.resume?.received, 50);
  assert.equal((await third.connect('bob')).facts.resume?.received, 60);
});

test('given a LEAVE that waits for the disk longer than actors idle, when it is durable, then it has taken effect', async () => {
  const clock = new Scheduler();
  const disk = new SimulatedDisk(clock);
  await using server = await world({ log: disk.open(), clock });
  const [alice, bob] = await pair(server);
  disk.hold('all');
  bob.post(FRAME.LEAVE, 7, {});
  await clock.advance(200_000);
  disk.release();
  await clock.settle();
  await alice.say(7, 'gone');
  assert.deepEqual(bob.heard(), []);
  assert.equal((await bob.say(7, 'hello?')).json.error, 'unknown_channel');
});

test('given a letter that expired before a crash, when the server is back, then it does not come behind later ones', async () => {
  const clock = new Scheduler();
  const disk = new SimulatedDisk(clock);
  const first = await world({ log: disk.open(), clock });
  const [alice, bob] = await pair(first);
  await bob.leave();
  await alice.say(7, 'expires');
  await clock.advance(3_700_000);
  const back = await first.connect('bob', { capabilities: [] });
  await alice.say(7, 'arrives');
  assert.deepEqual(back.heard(), ['arrives']);
  first.cut();
  disk.crash();
  await using second = await world({ log: disk.open(), clock });
  assert.deepEqual((await second.connect('bob', { capabilities: [] })).heard(), ['arrives']);
});
