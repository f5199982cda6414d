import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StreamAppend } from '../../src/log/event-log.ts';
import { LogError } from '../../src/log/log-error.ts';
import { MemoryLog } from '../../src/log/memory/memory-log.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { Scheduler } from '../kit/scheduler.ts';
import { SimulatedDisk } from '../kit/simulated-disk.ts';
import { turns } from '../kit/waiting.ts';
import type { RelayWorld } from './relay-world.ts';
import type { TestClient } from './test-client.ts';
import { world } from './worlds.ts';

const CHANNEL = 7;
const GROUP = 'g';
const NUMBER = 9;

/** A log that never takes appends to one category, while it is told so. */
class ChoosyLog extends MemoryLog {
  refuses: string | undefined;

  override append(appends: readonly StreamAppend[]): ReturnType<MemoryLog['append']> {
    const isRefused = appends.some(({ stream }) => stream.split('-')[0] === this.refuses);
    return isRefused ? Promise.reject(new LogError('LOG_INVALID', 'never')) : super.append(appends);
  }
}

async function diskWorld() {
  const clock = new Scheduler();
  const disk = new SimulatedDisk(clock);
  return { disk, server: await world({ log: disk.open(), clock }) };
}

async function pair(server: RelayWorld): Promise<[TestClient, TestClient]> {
  const alice = await server.connect('alice');
  const bob = await server.connect('bob');
  await alice.join(CHANNEL, ['alice', 'bob']);
  await bob.join(CHANNEL, ['alice', 'bob']);
  return [alice, bob];
}

function resumption({ facts }: TestClient) {
  return { received: facts.resume?.received, refused: facts.resume?.refused };
}

/** Alice owns a group with Bob, who has joined. */
async function group(alice: TestClient, bob: TestClient): Promise<void> {
  await alice.ask(FRAME.GROUP_CREATE, NUMBER, { group_id: GROUP, members: [bob.device] });
  await bob.ask(FRAME.JOIN, NUMBER, { group_id: GROUP });
}

/** Durable frames whose handling waits for something, and what their recipient gets. */
const WAITING_FRAMES = [
  [FRAME.GROUP_CREATE, 10, { group_id: 'h', members: ['bob'] }],
  [FRAME.GROUP_INVITE, NUMBER, { group_id: GROUP, device: 'carol', role: 'member' }],
  [FRAME.GROUP_EVENT, NUMBER, { type: 'group-role-changed', group_id: GROUP, device: 'bob', role: 'admin' }],
  [FRAME.CALL_OFFER, CHANNEL, { call_id: 'c', from: 'alice', to: ['bob'] }],
  [FRAME.CALL_END, CHANNEL, { call_id: 'nobody knows it', reason: 'hangup' }],
] as const;

test('given a frame on its way to the disk, when a newer connection comes, then it begins once that frame is refused, and sends it again', async () => {
  const { disk, server } = await diskWorld();
  await using _ = server;
  const [alice, bob] = await pair(server);
  disk.hold('mail');
  alice.post(FRAME.MSG, CHANNEL, 'five', 50);
  await server.clock.settle();
  let newer: TestClient | undefined;
  const connecting = server.connect('alice').then((client) => {
    newer = client;
  });
  await server.clock.settle();
  assert.equal(newer, undefined);
  disk.release(true);
  await connecting;
  assert.deepEqual(bob.heard(), []);
  const client = newer as TestClient | undefined;
  assert.notEqual(client?.facts.resume?.received, 50);
  assert.equal((await client?.ask(FRAME.MSG, CHANNEL, 'five', 50))?.type, FRAME.ACK);
  assert.deepEqual(bob.heard(), ['five']);
});

test('given a frame that its session repeats while it is on its way, when the disk refuses, then neither is acknowledged', async () => {
  const { disk, server } = await diskWorld();
  await using _ = server;
  const [alice, bob] = await pair(server);
  disk.hold('mail');
  alice.post(FRAME.MSG, CHANNEL, 'five', 50);
  await server.clock.settle();
  alice.post(FRAME.MSG, CHANNEL, 'five', 50);
  alice.post(FRAME.MSG, CHANNEL, 'six', 51);
  await server.clock.settle();
  disk.release(true);
  await server.clock.settle();
  assert.deepEqual(
    alice.of(FRAME.ACK).filter(({ json }) => json.ack >= 50),
    [],
  );
  assert.equal(alice.endedBecause, 'storage_unavailable');
  assert.deepEqual(bob.heard(), []);
});

test('given a frame that its session repeats while it is on its way, when the log can never take it, then both are answered so, and others go on', async () => {
  const clock = new Scheduler();
  const log = new ChoosyLog(clock);
  await using server = await world({ log, clock });
  const [alice, bob] = await pair(server);
  log.refuses = 'mail';
  alice.post(FRAME.MSG, CHANNEL, 'five', 50);
  alice.post(FRAME.MSG, CHANNEL, 'five', 50);
  await clock.settle();
  log.refuses = undefined;
  alice.post(FRAME.MSG, CHANNEL, 'six', 51);
  alice.post(FRAME.MSG, CHANNEL, 'five', 50);
  await clock.settle();
  assert.deepEqual(
    alice.of(FRAME.ERROR).map(({ json }) => [json.ack, json.error]),
    [50, 50, 50].map((ack) => [ack, 'too_large']),
  );
  assert.deepEqual(
    alice
      .of(FRAME.ACK)
      .filter(({ json }) => json.ack >= 50)
      .map(({ json }) => json.ack),
    [51],
  );
  assert.deepEqual(bob.heard(), ['six']);
});

test('given a frame that its session repeats while it is on its way, when it is stored, then both are acknowledged, the first one first, and it is posted once', async () => {
  const { disk, server } = await diskWorld();
  await using _ = server;
  const [alice, bob] = await pair(server);
  disk.hold('mail');
  alice.post(FRAME.CALL_OFFER, CHANNEL, { call_id: 'c', from: 'alice', to: ['bob'] }, 50);
  alice.post(FRAME.MSG, CHANNEL, 'six', 51);
  await server.clock.settle();
  alice.post(FRAME.MSG, CHANNEL, 'six', 51);
  alice.post(FRAME.CALL_OFFER, CHANNEL, { call_id: 'c', from: 'alice', to: ['bob'] }, 50);
  alice.post(FRAME.MSG, CHANNEL, 'seven', 52);
  disk.release(false);
  await server.clock.settle();
  assert.deepEqual(
    alice
      .of(FRAME.ACK)
      .filter(({ json }) => json.ack >= 50)
      .map(({ json }) => [json.ack, json.call_id]),
    [
      [50, 'c'],
      [51, undefined],
      [51, undefined],
      [50, undefined],
      [52, undefined],
    ],
  );
  assert.deepEqual(bob.heard(), ['six', 'seven']);
  assert.equal(bob.of(FRAME.CALL_OFFER).length, 1);
});

for (const [type, channel, body] of WAITING_FRAMES) {
  const what = `frame type ${type} in work`;

  test(`given a message that the log refuses and ${what} behind it, when both are sent again, then both arrive once`, async () => {
    const { disk, server } = await diskWorld();
    await using _ = server;
    const [alice, bob] = await pair(server);
    await server.connect('carol');
    await group(alice, bob);
    bob.frames.splice(0);
    disk.hold('mail');
    alice.post(FRAME.MSG, CHANNEL, 'important', 50);
    await turns(1);
    alice.post(type, channel, body, 51);
    disk.release(true);
    await server.clock.settle();
    assert.equal(alice.endedBecause, 'storage_unavailable');
    const again = await server.connect('alice');
    assert.ok((again.facts.resume?.received ?? 0) < 50);
    assert.equal((await again.ask(FRAME.MSG, CHANNEL, 'important', 50)).type, FRAME.ACK);
    assert.equal((await again.ask(type, channel, body, 51)).type, FRAME.ACK);
    assert.deepEqual(bob.heard(), ['important']);
    assert.equal(bob.of(type).length, 1);
  });

  test(`given ${what}, when its device is back before it is done and sends it again, then it is posted once`, async () => {
    for (const early of [0, 1, 2, 3, 5, 8]) {
      const { disk, server } = await diskWorld();
      await using _ = server;
      const [alice, bob] = await pair(server);
      await server.connect('carol');
      await group(alice, bob);
      bob.frames.splice(0);
      disk.hold('all');
      alice.post(type, channel, body, 50);
      await turns(early);
      const connecting = server.connect('alice');
      await turns(2);
      disk.release();
      const again = await connecting;
      assert.equal((await again.ask(type, channel, body, 50)).type, FRAME.ACK);
      await server.clock.settle();
      assert.equal(bob.of(type).length, 1, `after ${early} turns`);
    }
  });
}

test('given an offer whose letter the log refused, when it is sent again, then it rings: there was no call', async () => {
  const { disk, server } = await diskWorld();
  await using _ = server;
  const [alice, bob] = await pair(server);
  const offer = { call_id: 'c', from: 'alice', to: ['bob'] };
  disk.hold('mail');
  alice.post(FRAME.CALL_OFFER, CHANNEL, offer, 50);
  await server.clock.settle();
  disk.release(true);
  await server.clock.settle();
  assert.ok(!disk.history.some(({ type }) => type === 'call.offered'));
  const again = await server.connect('alice');
  assert.equal((await again.ask(FRAME.CALL_OFFER, CHANNEL, offer, 50)).type, FRAME.ACK);
  assert.equal(bob.of(FRAME.CALL_OFFER).length, 1);
  assert.equal((await bob.ask(FRAME.CALL_ANSWER, CHANNEL, { call_id: 'c', accept: true })).type, FRAME.ACK);
});

test('given an offer whose letter is on disk and whose fact is not, when the server crashes, then the next one has both', async () => {
  const clock = new Scheduler();
  const disk = new SimulatedDisk(clock);
  const first = await world({ log: disk.open(), clock });
  const [alice] = await pair(first);
  disk.hold('journal');
  const offer = { call_id: 'c', from: 'alice', to: ['bob'] };
  assert.equal((await alice.ask(FRAME.CALL_OFFER, CHANNEL, offer)).type, FRAME.ACK);
  assert.ok(!disk.history.some(({ type }) => type === 'call.offered'));
  first.cut();
  disk.crash();
  disk.release();
  await using second = await world({ log: disk.open(), clock });
  assert.equal(disk.history.filter(({ type }) => type === 'call.offered').length, 1);
  const bob = await second.connect('bob');
  assert.equal(bob.of(FRAME.CALL_OFFER).length, 1);
  // The crash has cut off who offered it.
  assert.equal(bob.of(FRAME.CALL_END).length, 1);
});

test('given a fact that the log does not take behind its letter, when its group is asked, then it is told to wait, and later it goes on', async () => {
  const { disk, server } = await diskWorld();
  await using _ = server;
  const [alice, bob] = await pair(server);
  await group(alice, bob);
  disk.fail('facts');
  const change = { type: 'group-role-changed', group_id: GROUP, device: 'bob', role: 'admin' };
  assert.equal((await alice.ask(FRAME.GROUP_EVENT, NUMBER, change)).type, FRAME.ACK);
  const refused = await bob.ask(FRAME.LEAVE, NUMBER, {});
  assert.equal(refused.json.error, 'storage');
  disk.heal();
  await server.clock.advance(1_000);
  assert.equal(disk.history.filter(({ type }) => type === 'group.role_changed').length, 1);
  assert.equal((await bob.ask(FRAME.LEAVE, NUMBER, {})).type, FRAME.ACK);
});

test('given frames that were refused, when their answers are lost and a later one is stored, then the next session is told of them, after a restart too', async () => {
  const clock = new Scheduler();
  const disk = new SimulatedDisk(clock);
  const first = await world({ log: disk.open(), clock });
  const [alice, bob] = await pair(first);
  alice.post(FRAME.MSG, 99, 'into no channel', 50);
  alice.post(FRAME.GROUP_INVITE, NUMBER, { group_id: 'none', device: 'bob', role: 'member' }, 51);
  await clock.settle();
  assert.equal((await alice.ask(FRAME.MSG, CHANNEL, 'hello', 52)).type, FRAME.ACK);
  const refused = [
    { sequence: 50, error: 'unknown_channel' },
    { sequence: 51, error: 'unknown_group' },
  ];
  const again = await first.connect('alice');
  assert.deepEqual(resumption(again), { received: 52, refused });
  assert.equal((await again.ask(FRAME.MSG, 99, 'into no channel', 50)).json.error, 'unknown_channel');
  first.cut();
  disk.crash();

  const second = await world({ log: disk.open(), clock });
  const restarted = await second.connect('alice');
  assert.deepEqual(resumption(restarted), { received: 52, refused });
  // The letter goes, and the counters have what it carried.
  const reader = await second.connect('bob');
  reader.confirm(reader.frames.at(-1)?.sequence ?? 0);
  await clock.advance(2_000);
  assert.deepEqual(bob.heard(), ['hello']);
  await second[Symbol.asyncDispose]();

  await using third = await world({ log: disk.open(), clock });
  assert.deepEqual(resumption(await third.connect('alice')), { received: 52, refused });
});

test('given a frame that was refused and stored later, when it comes a third time, then it is acknowledged, after a restart too', async () => {
  const clock = new Scheduler();
  const disk = new SimulatedDisk(clock);
  const first = await world({ log: disk.open(), clock, mailbox: { frames: 2, bytes: 1_000 } });
  const [alice, bob] = await pair(first);
  await bob.leave();
  await alice.say(CHANNEL, 'one');
  await alice.say(CHANNEL, 'two');
  assert.equal((await alice.ask(FRAME.MSG, CHANNEL, 'precious', 50)).json.error, 'mailbox_full');
  const reader = await first.connect('bob');
  reader.confirm(2);
  const again = await first.connect('alice');
  assert.equal((await again.ask(FRAME.MSG, CHANNEL, 'precious', 50)).type, FRAME.ACK);
  const third = await first.connect('alice');
  assert.deepEqual(resumption(third), { received: 50, refused: [] });
  assert.equal((await third.ask(FRAME.MSG, CHANNEL, 'precious', 50)).type, FRAME.ACK);
  await first[Symbol.asyncDispose]();
  await using second = await world({ log: disk.open(), clock });
  const restarted = await second.connect('alice');
  assert.deepEqual(resumption(restarted), { received: 50, refused: [] });
  assert.equal((await restarted.ask(FRAME.MSG, CHANNEL, 'precious', 50)).type, FRAME.ACK);
});

test('given a call whose device has gone while the log refuses, when the log takes letters again, then the other is told that it has ended', async () => {
  const { disk, server } = await diskWorld();
  await using _ = server;
  const [alice, bob] = await pair(server);
  await alice.ask(FRAME.CALL_OFFER, CHANNEL, { call_id: 'c', from: 'alice', to: ['bob'] });
  await bob.ask(FRAME.CALL_ANSWER, CHANNEL, { call_id: 'c', accept: true });
  disk.fail('mail');
  await alice.leave('connection_lost');
  await server.clock.settle();
  assert.ok(!disk.history.some(({ type }) => type === 'call.ended'));
  disk.heal();
  await server.clock.advance(3_000);
  assert.equal(bob.of(FRAME.CALL_END).length, 1);
  assert.equal(disk.history.filter(({ type }) => type === 'call.ended').length, 1);
});
