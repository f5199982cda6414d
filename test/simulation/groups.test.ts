import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryLog } from '../../src/log/memory/memory-log.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { Scheduler } from '../kit/scheduler.ts';
import {
  create,
  enter,
  friends,
  GROUP,
  invite,
  NUMBER,
  promote,
  refused,
  remove,
  trio,
} from './group-support.ts';
import type { TestClient } from './test-client.ts';
import { world } from './worlds.ts';

test('given a new group, when its invited devices join, then all of them talk, and nobody heard what came before', async () => {
  await using server = await world();
  const [alice, bob, carol] = (await friends(server, 'alice', 'bob', 'carol')) as [
    TestClient,
    TestClient,
    TestClient,
  ];
  const ack = await create(alice, { members: ['alice', 'bob', 'carol'] });
  assert.deepEqual(ack.json, { ack: ack.json.ack, group_id: GROUP, stored: 2 });
  const [invitation] = bob.of(FRAME.GROUP_CREATE);
  assert.deepEqual(invitation?.json, { group_id: GROUP, members: ['alice', 'bob', 'carol'] });
  assert.equal(invitation?.channel, NUMBER);
  await alice.say(NUMBER, 'before');
  const joined = await enter(bob);
  assert.deepEqual(joined.json, { ack: joined.json.ack, group_id: GROUP });
  await alice.say(NUMBER, 'between');
  await enter(carol);
  await bob.say(NUMBER, 'after');
  assert.deepEqual(alice.heard(), ['after']);
  assert.deepEqual(bob.heard(), ['between']);
  assert.deepEqual(carol.heard(), ['after']);
  assert.deepEqual(server.failures, []);
});

test('given no group id, then the server makes one that nobody can guess, another each time', async () => {
  await using server = await world();
  const alice = await server.connect('alice');
  const first = await alice.ask(FRAME.GROUP_CREATE, 20, {});
  const second = await alice.ask(FRAME.GROUP_CREATE, 21, { group_id: '' });
  assert.match(first.json.group_id, /^[0-9a-f]{64}$/);
  assert.match(second.json.group_id, /^[0-9a-f]{64}$/);
  assert.notEqual(first.json.group_id, second.json.group_id);
});

test('given an id that is taken, when a stranger creates a group with it, then it gets nothing of it', async () => {
  await using server = await world();
  const [alice] = await trio(server);
  const mallory = await server.connect('mallory');
  assert.equal(refused(await create(mallory)), 'group_exists');
  assert.equal(refused(await create(mallory, { members: ['bob', 'carol'] })), 'group_exists');
  assert.equal(refused(await enter(mallory)), 'unknown_group');
  assert.equal(refused(await invite(mallory, 'mallory', 'admin')), 'unknown_group');
  assert.equal(refused(await mallory.say(NUMBER, 'hello')), 'unknown_channel');
  await alice.say(NUMBER, 'private');
  assert.deepEqual(mallory.heard(), []);
});

test('given a group that two create at once, then one owns it and the other is told', async () => {
  await using server = await world();
  const alice = await server.connect('alice');
  const mallory = await server.connect('mallory');
  const answers = await Promise.all([
    alice.ask(FRAME.GROUP_CREATE, 9, { group_id: GROUP }),
    mallory.ask(FRAME.GROUP_CREATE, 10, { group_id: GROUP }),
  ]);
  assert.deepEqual(answers.map(refused), ['ACK', 'group_exists']);
});

test('given a stranger to the devices that it names, then its invitations do not reach them, but their JOIN does', async () => {
  await using server = await world();
  const alice = await server.connect('alice');
  const bob = await server.connect('bob');
  await create(alice, { members: ['bob'], note: 'spam' });
  await invite(alice, 'bob');
  assert.deepEqual([...bob.of(FRAME.GROUP_CREATE), ...bob.of(FRAME.GROUP_INVITE)], []);
  assert.equal((await enter(bob)).type, FRAME.ACK);
  await alice.say(NUMBER, 'hello');
  assert.deepEqual(bob.heard(), ['hello']);
});

test('given a device that nobody has registered, then it cannot be invited, and who registers it later is no guest', async () => {
  await using server = await world();
  const alice = await server.connect('alice');
  assert.equal(refused(await create(alice, { members: ['ghost'] })), 'unknown_device');
  await create(alice);
  assert.equal(refused(await invite(alice, 'ghost')), 'unknown_device');
  const ghost = await server.connect('ghost');
  assert.equal(refused(await enter(ghost)), 'unknown_group');
});

test('given an invitation by a plain member, or by an admin for an admin, then it is refused', async () => {
  await using server = await world();
  const [, bob, carol] = await trio(server);
  const dave = await server.connect('dave');
  assert.equal(refused(await invite(carol, 'dave')), 'forbidden');
  assert.equal(refused(await invite(bob, 'dave', 'admin')), 'forbidden');
  assert.equal(refused(await enter(dave)), 'unknown_group');
  const ack = await invite(bob, 'dave');
  assert.deepEqual(ack.json, { ack: ack.json.ack, device: 'dave', group_id: GROUP, stored: 2 });
  assert.equal(refused(await enter(dave)), 'ACK');
});

test('given a second invitation with a higher role, then the role stays, and nobody is told of it', async () => {
  await using server = await world();
  const [alice, bob, carol] = await trio(server);
  assert.equal(refused(await invite(bob, 'carol', 'admin')), 'forbidden');
  assert.equal(refused(await invite(bob, 'alice', 'member')), 'forbidden');
  assert.equal(refused(await invite(alice, 'carol', 'owner')), 'forbidden');
  assert.deepEqual(carol.of(FRAME.GROUP_INVITE), []);
  assert.equal(refused(await invite(carol, 'bob')), 'forbidden');
  assert.equal(refused(await promote(alice, 'bob', 'admin')), 'ACK');
});

test('given LEAVE on the number of a group, then the device pauses: it misses what is said and returns by JOIN', async () => {
  await using server = await world();
  const [alice, , carol] = await trio(server);
  await carol.ask(FRAME.LEAVE, NUMBER, {});
  await alice.say(NUMBER, 'missed');
  assert.equal(refused(await carol.say(NUMBER, 'hello')), 'unknown_channel');
  assert.equal(refused(await enter(carol)), 'ACK');
  await alice.say(NUMBER, 'heard');
  assert.deepEqual(carol.heard(), ['heard']);
});

test('given a number that the device uses for another channel, then the group does not take it away', async () => {
  await using server = await world();
  const [alice, bob] = (await friends(server, 'alice', 'bob')) as [TestClient, TestClient];
  await bob.join(NUMBER, ['bob']);
  await create(alice, { members: ['bob'] });
  assert.equal(refused(await enter(bob)), 'channel_exists');
  assert.equal(refused(await bob.ask(FRAME.GROUP_CREATE, NUMBER, {})), 'channel_exists');
  assert.equal(refused(await enter(bob, 1)), 'wrong_channel');
  assert.equal((await enter(bob, 77)).json.channel, NUMBER);
  await bob.ask(FRAME.LEAVE, NUMBER, {});
  assert.equal(refused(await enter(bob)), 'ACK');
});

test('given the channel of a group, when a member sends a plain JOIN there, then it brings nobody in', async () => {
  await using server = await world();
  const [alice, bob] = await trio(server);
  const mallory = await server.connect('mallory');
  assert.equal(refused(await bob.join(NUMBER, ['alice', 'bob', 'carol'])), 'ACK');
  assert.equal(refused(await bob.join(NUMBER, ['bob', 'mallory'])), 'forbidden');
  await mallory.join(NUMBER, ['mallory', 'bob', 'alice']);
  await alice.say(NUMBER, 'private');
  assert.deepEqual(mallory.heard(), []);
});

test('given a document that is not carried out, then nobody sees it, and free-form events still pass', async () => {
  await using server = await world();
  const [alice, bob, carol] = await trio(server);
  const event = (body: object, number = NUMBER) => carol.ask(FRAME.GROUP_EVENT, number, body);
  const removal = { type: 'group-member-removed', group_id: GROUP };
  assert.equal(refused(await event({ ...removal, device: 'bob' })), 'forbidden');
  assert.equal(refused(await event({ ...removal, device: 'bob' }, 1)), 'wrong_channel');
  assert.equal(refused(await event({ ...removal, group_id: 'other', device: 'bob' }, 1)), 'unknown_group');
  assert.equal(refused(await event(removal)), 'malformed');
  assert.equal(refused(await event({ ...removal, device: 'a b' })), 'malformed');
  assert.equal(
    refused(await event({ type: 'group-role-changed', group_id: GROUP, device: 'bob' })),
    'malformed',
  );
  assert.equal(
    refused(await event({ type: 'group-member-left', group_id: GROUP, by: 'alice' })),
    'malformed',
  );
  assert.deepEqual([...alice.of(FRAME.GROUP_EVENT), ...bob.of(FRAME.GROUP_EVENT)], []);
  assert.equal(refused(await event({ event: 'renamed', name: 'x' })), 'ACK');
  assert.equal(alice.of(FRAME.GROUP_EVENT)[0]?.json.event, 'renamed');
});

test('given a restart, then groups, roles and standings are what they were', async () => {
  const clock = new Scheduler();
  const log = new MemoryLog(clock);
  const first = await world({ clock, log });
  const [alice, bob, carol] = await trio(first);
  await first.connect('dave');
  await invite(bob, 'dave');
  await promote(alice, 'carol', 'owner');
  await bob.ask(FRAME.LEAVE, NUMBER, {});
  await Promise.all([alice.leave(), bob.leave(), carol.leave()]);
  await first[Symbol.asyncDispose]();
  await using second = await world({ clock, log });
  const [owner, admin, dave] = [
    await second.connect('carol'),
    await second.connect('alice'),
    await second.connect('dave'),
  ];
  assert.equal(refused(await enter(dave)), 'ACK');
  await owner.say(NUMBER, 'hello');
  assert.deepEqual([admin.heard(), dave.heard()], [['hello'], ['hello']]);
  const paused = await second.connect('bob');
  assert.deepEqual(paused.heard(), []);
  assert.equal(refused(await remove(admin, 'carol')), 'forbidden');
  assert.equal(refused(await remove(owner, 'alice')), 'ACK');
  assert.equal(refused(await create(owner)), 'group_exists');
});

test('given an older client, then invitations and documents reach it', async () => {
  await using server = await world({ openRooms: 'compat' });
  const alice = await server.connect('alice');
  const old = await server.connect('old', { generation: 'plaintext' });
  await alice.join(1, ['alice', 'old']);
  await old.join(1, ['alice', 'old']);
  await create(alice, { members: ['old'] });
  await enter(old);
  await promote(alice, 'old', 'admin');
  await remove(alice, 'old');
  assert.deepEqual(
    old.frames.filter(({ type }) => type === FRAME.GROUP_EVENT).map(({ json }) => json.type),
    ['group-role-changed', 'group-member-removed'],
  );
  assert.equal(old.of(FRAME.GROUP_CREATE).length, 1);
});

test('given as many groups as a device may own, then it creates no more, not even after LEAVE', async () => {
  await using server = await world();
  const alice = await server.connect('alice');
  for (let number = 1; number <= 16; number += 1) {
    assert.equal(refused(await alice.ask(FRAME.GROUP_CREATE, number, {})), 'ACK');
  }
  assert.equal(refused(await alice.ask(FRAME.GROUP_CREATE, 17, {})), 'limit');
  await alice.ask(FRAME.LEAVE, 1, {});
  assert.equal(refused(await alice.ask(FRAME.GROUP_CREATE, 17, {})), 'limit');
});

test('given channels.reach = anyone, then invitations of strangers arrive, and still nobody is in without its own JOIN', async () => {
  await using server = await world({ reach: 'anyone' });
  const alice = await server.connect('alice');
  const bob = await server.connect('bob');
  await create(alice, { members: ['bob'] });
  assert.equal(bob.of(FRAME.GROUP_CREATE).length, 1);
  await alice.say(NUMBER, 'too early');
  assert.equal(refused(await enter(bob)), 'ACK');
  await alice.say(NUMBER, 'now');
  assert.deepEqual(bob.heard(), ['now']);
});
