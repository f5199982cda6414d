import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryLog } from '../../src/log/memory/memory-log.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { Scheduler } from '../kit/scheduler.ts';
import { SimulatedDisk } from '../kit/simulated-disk.ts';
import { RelayWorld } from './relay-world.ts';
import type { TestClient } from './test-client.ts';
import { world } from './worlds.ts';

const CHANNEL = 7;

async function channelOf(server: RelayWorld, ...devices: readonly string[]): Promise<TestClient[]> {
  const clients: TestClient[] = [];
  for (const device of devices) {
    const client = await server.connect(device);
    await client.join(CHANNEL, devices);
    clients.push(client);
  }
  return clients;
}

/** Says so many things, each after the answer to the one before; returns the answers. */
async function sayAll(client: TestClient, count: number): Promise<readonly string[]> {
  const answers: string[] = [];
  for (let number = 1; number <= count; number += 1) {
    const { type, json } = await client.say(CHANNEL, `${number}`);
    answers.push(type === FRAME.ACK ? 'ACK' : json.error);
  }
  return answers;
}

for (const [what, mailbox] of [
  ['frames', { frames: 3, bytes: 1_000_000 }],
  ['bytes', { frames: 1000, bytes: 3 * 61 - 1 }],
] as const) {
  test(`given an absent device whose mailbox is full by ${what}, when somebody writes to it, then the writer is told, and what was stored arrives`, async () => {
    await using server = await world({ mailbox });
    const [alice, bob] = await channelOf(server, 'alice', 'bob');
    await bob?.leave();
    assert.deepEqual(await sayAll(alice as TestClient, 5), [
      'ACK',
      'ACK',
      'ACK',
      'mailbox_full',
      'mailbox_full',
    ]);
    const back = await server.connect('bob');
    await server.clock.settle();
    assert.deepEqual(back.heard(), ['1', '2', '3']);
    const [notice] = back.of(FRAME.ERROR);
    assert.equal(notice?.json.error, 'mailbox_full');
    assert.equal(notice?.json.missed, 2);
    back.confirm(3);
    await server.clock.settle();
    assert.deepEqual(await sayAll(alice as TestClient, 1), ['ACK']);
  });
}

test('given a device that was told how much it missed, when it is gone before it confirms anything, then it is told again, after a restart too, and then no more', async () => {
  const clock = new Scheduler();
  const disk = new SimulatedDisk(clock);
  const mailbox = { frames: 2, bytes: 1_000_000 };
  const first = await world({ clock, log: disk.open(), mailbox });
  const [alice, bob] = await channelOf(first, 'alice', 'bob');
  await bob?.leave();
  assert.deepEqual(await sayAll(alice as TestClient, 3), ['ACK', 'ACK', 'mailbox_full']);
  const missed = (client: TestClient) => client.of(FRAME.ERROR).map(({ json }) => json.missed);
  const back = await first.connect('bob');
  assert.deepEqual(missed(back), [1]);
  await back.leave('connection_lost');
  await first[Symbol.asyncDispose]();

  const second = await world({ clock, log: disk.open(), mailbox });
  const again = await second.connect('bob');
  assert.deepEqual(missed(again), [1]);
  assert.deepEqual(again.heard(), ['1', '2']);
  // A device may confirm at once what an earlier session sent it: that says nothing of this one.
  again.confirm(1);
  await clock.settle();
  const third = await second.connect('bob');
  assert.deepEqual(missed(third), [1]);
  third.confirm(1);
  third.confirm(2);
  await clock.settle();
  assert.deepEqual(missed(await second.connect('bob')), []);
  await second[Symbol.asyncDispose]();

  await using last = await world({ clock, log: disk.open(), mailbox });
  assert.deepEqual(missed(await last.connect('bob')), []);
});

test('given a frame that was refused for want of room, when its sender reconnects and repeats it, then it is refused again and not taken for stored', async () => {
  await using server = await world({ mailbox: { frames: 1, bytes: 1_000_000 } });
  const [alice, bob] = await channelOf(server, 'alice', 'bob');
  await bob?.leave();
  await sayAll(alice as TestClient, 1);
  const refused = await (alice as TestClient).say(CHANNEL, 'refused');
  assert.equal(refused.json.error, 'mailbox_full');
  const other = await server.connect('carol');
  await other.join(8, ['alice', 'carol']);
  await (alice as TestClient).join(8, ['alice', 'carol']);
  // A later durable frame moves what the server counts as received beyond the refused one.
  assert.equal((await (alice as TestClient).ask(FRAME.MSG, 8, 'later')).type, FRAME.ACK);
  await alice?.leave('connection_lost');
  const again = await server.connect('alice');
  const answer = await again.ask(FRAME.MSG, CHANNEL, 'refused', refused.json.ack);
  assert.equal(answer.json.error, 'mailbox_full');
});

test('given a channel of three with one full mailbox, when somebody writes, then the others hear it and the ACK says who does not', async () => {
  await using server = await world({ mailbox: { frames: 2, bytes: 1_000_000 } });
  const [alice, bob, carol] = await channelOf(server, 'alice', 'bob', 'carol');
  await carol?.leave();
  const answers = [];
  for (let number = 1; number <= 4; number += 1) {
    const { type, json } = await (alice as TestClient).say(CHANNEL, `${number}`);
    answers.push([type === FRAME.ACK, json.not_stored]);
    bob?.confirm(number);
  }
  assert.deepEqual(answers, [
    [true, undefined],
    [true, undefined],
    [true, 1],
    [true, 1],
  ]);
  assert.deepEqual(bob?.heard(), ['1', '2', '3', '4']);
  const back = await server.connect('carol');
  await server.clock.settle();
  assert.deepEqual(back.heard(), ['1', '2']);
});

test('given a restart, when the mailbox was full before, then it is full after', async () => {
  const clock = new Scheduler();
  const log = new MemoryLog(clock);
  const options = { clock, log, mailbox: { frames: 2, bytes: 1_000_000 } };
  const first = await RelayWorld.start(options);
  const [alice, bob] = await channelOf(first, 'alice', 'bob');
  await bob?.leave();
  await sayAll(alice as TestClient, 2);
  await first[Symbol.asyncDispose]();
  await using second = await RelayWorld.start(options);
  const again = await second.connect('alice');
  await again.join(CHANNEL, ['alice', 'bob']);
  assert.deepEqual(await sayAll(again, 1), ['mailbox_full']);
});

test('given a device that names others who never join, when it has named as many as allowed, then it may name no more until some join', async () => {
  await using server = await world({ listingsPerDevice: 4 });
  const alice = await server.connect('alice');
  assert.equal((await alice.join(1, ['a', 'b'])).type, FRAME.ACK);
  assert.equal((await alice.join(2, ['c', 'd'])).type, FRAME.ACK);
  const refused = await alice.join(3, ['e']);
  assert.equal(refused.json.error, 'limit');
  assert.match(refused.json.detail, /limits\.listings_per_device/);
  assert.equal((await alice.join(2, ['c', 'd'])).type, FRAME.ACK);
  const named = await server.connect('a');
  assert.equal((await named.join(1, ['alice'])).type, FRAME.ACK);
  assert.equal((await alice.join(3, ['e'])).type, FRAME.ACK);
  assert.equal((await alice.ask(FRAME.LEAVE, 2, {})).type, FRAME.ACK);
  assert.equal((await alice.join(4, ['f', 'g'])).type, FRAME.ACK);
});

test('given a device that has named a quarter of what the server remembers, when it names more, then it is refused, and others are not', async () => {
  await using server = await world({ listingBytes: 10_000 });
  const names = (count: number, from: string): string[] =>
    Array.from({ length: count }, (_, index) => `${from}${index}`.padStart(128, 'x'));
  const alice = await server.connect('alice');
  assert.equal((await alice.join(1, names(11, 'a'))).type, FRAME.ACK);
  const refused = await alice.join(2, names(1, 'b'));
  assert.equal(refused.json.error, 'limit');
  assert.match(refused.json.detail, /limits\.listing_bytes/);
  const bob = await server.connect('bob');
  assert.equal((await bob.join(1, ['alice', 'carol'])).type, FRAME.ACK);
  assert.equal((await alice.ask(FRAME.LEAVE, 1, {})).type, FRAME.ACK);
  assert.equal((await alice.join(2, names(10, 'b'))).type, FRAME.ACK);
});

test('given names that never joined, when their channels are left in any order, then the server remembers none of them', async () => {
  await using server = await world({ listingBytes: 4 * 2 * (96 + 'somebody'.length) });
  const people = await Promise.all(['alice', 'bob', 'carol'].map((name) => server.connect(name)));
  for (let round = 0; round < 5; round += 1) {
    for (const person of people) {
      assert.equal((await person.join(1, ['somebody'])).type, FRAME.ACK);
      assert.equal((await person.ask(FRAME.LEAVE, 1, {})).type, FRAME.ACK);
    }
  }
  const [alice, bob] = people as [TestClient, TestClient];
  await alice.join(1, ['somebody']);
  await bob.join(1, ['somebody']);
  const somebody = await server.connect('somebody');
  assert.equal((await somebody.join(1, ['bob'])).type, FRAME.ACK);
  assert.equal((await bob.say(1, 'for somebody')).json.not_stored, undefined);
  await server.clock.settle();
  assert.deepEqual(somebody.heard(), ['for somebody']);
});

test('given an account that joins and leaves without end, when its budget is spent, then it is refused until time brings it back, and what is free stays free', async () => {
  const clock = new Scheduler();
  await using server = await world({ clock, changes: { burst: 4096, perSecond: 100 } });
  const alice = await server.connect('alice');
  const answers: string[] = [];
  for (let round = 0; round < 10; round += 1) {
    const { type, json } = await alice.join(round, ['bob']);
    answers.push(type === FRAME.ACK ? 'ACK' : json.error);
  }
  const [first, last] = [answers[0], answers.at(-1)];
  assert.deepEqual([first, last], ['ACK', 'rate_limited']);
  assert.equal((await alice.join(0, ['bob'])).type, FRAME.ACK);
  assert.equal((await alice.ask(FRAME.LEAVE, 0, {})).type, FRAME.ACK);
  const refused = await alice.ask(FRAME.CALL_OFFER, 1, { call_id: 'c', from: 'alice', to: [] });
  assert.match(refused.json.detail, /limits\.change_bytes_per_second/);
  const bob = await server.connect('bob');
  assert.equal((await bob.join(1, ['alice'])).type, FRAME.ACK);
  await clock.advance(10_000);
  assert.equal((await alice.join(0, ['bob'])).type, FRAME.ACK);
});
