import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeMailPosted } from '../../src/events/mail-encoding.ts';
import { MemoryLog } from '../../src/log/memory/memory-log.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { Scheduler } from '../kit/scheduler.ts';
import { SimulatedDisk } from '../kit/simulated-disk.ts';
import { turns } from '../kit/waiting.ts';
import {
  create,
  enter,
  GROUP,
  invite,
  NUMBER,
  promote,
  quit,
  refused,
  remove,
  trio,
} from './group-support.ts';
import { world } from './worlds.ts';

test('given a removal, then the device gets that document as its last frame, and can neither send nor return', async () => {
  await using server = await world();
  const [alice, bob, carol] = await trio(server);
  await alice.say(NUMBER, 'before');
  assert.equal(refused(await remove(bob, 'carol')), 'ACK');
  await alice.say(NUMBER, 'after');
  assert.deepEqual(carol.heard(), ['before']);
  assert.equal(carol.of(FRAME.GROUP_EVENT).length, 1);
  assert.equal(alice.of(FRAME.GROUP_EVENT)[0]?.json.device, 'carol');
  for (const type of [FRAME.MSG, FRAME.TYPING, FRAME.KEY_UPDATE, FRAME.VOICE_FRAME]) {
    assert.equal(refused(await carol.ask(type, NUMBER, { device: 'carol' })), 'unknown_channel');
  }
  assert.equal(refused(await enter(carol)), 'unknown_group');
  assert.equal(refused(await invite(carol, 'carol')), 'unknown_group');
  assert.equal(refused(await quit(carol)), 'unknown_group');
  // Its number is free again: a channel of its own, in which nobody of the group is.
  await carol.join(NUMBER, ['carol', 'alice', 'bob']);
  await carol.say(NUMBER, 'hello?');
  assert.deepEqual(alice.heard(), []);
  assert.deepEqual(bob.heard(), ['before', 'after']);
});

test('given a removed device that is away, then it gets what was posted before the removal, and nothing behind it', async () => {
  await using server = await world();
  const [alice, , carol] = await trio(server);
  await carol.leave();
  await alice.say(NUMBER, 'before');
  await remove(alice, 'carol');
  await alice.say(NUMBER, 'after');
  const back = await server.connect('carol');
  assert.deepEqual(back.heard(), ['before']);
  assert.equal(back.of(FRAME.GROUP_EVENT).length, 1);
});

test('given messages that race with a removal, then none addressed to the device lies behind its removal in the log', async () => {
  const clock = new Scheduler();
  const log = new MemoryLog(clock);
  await using server = await world({ clock, log });
  const [alice, bob, carol] = await trio(server);
  const document = { type: 'group-member-removed', group_id: GROUP, device: 'carol' };
  for (let round = 0; round < 5; round += 1) {
    alice.post(FRAME.MSG, NUMBER, `early ${round}`);
    if (round === 2) bob.post(FRAME.GROUP_EVENT, NUMBER, document);
    alice.post(FRAME.MSG, NUMBER, `late ${round}`);
    await turns(1);
  }
  await clock.settle();
  let removed = false;
  const behind: string[] = [];
  let before = 0;
  for await (const recorded of log.readAll({ categories: ['mail'] })) {
    const mail = decodeMailPosted(recorded.data);
    if (mail.channel === NUMBER && mail.recipients.some(({ device }) => device === 'carol')) {
      if (removed) behind.push(Buffer.from(mail.payload).toString());
      else before += 1;
    }
    if (mail.fact?.events[0]?.type === 'group.member_removed') removed = true;
  }
  assert.ok(removed);
  assert.deepEqual(behind, []);
  assert.ok(before > 0);
  assert.equal(carol.frames.at(-1)?.type, FRAME.GROUP_EVENT);
});

test('given an admin, when it removes the owner or another admin, then nothing happens', async () => {
  await using server = await world();
  const [alice, bob, carol] = await trio(server);
  await promote(alice, 'carol', 'admin');
  assert.equal(refused(await remove(bob, 'alice')), 'forbidden');
  assert.equal(refused(await remove(bob, 'carol')), 'forbidden');
  assert.equal(refused(await remove(bob, 'bob')), 'forbidden');
  await alice.say(NUMBER, 'still here');
  assert.deepEqual(carol.heard(), ['still here']);
  assert.equal(
    carol.of(FRAME.GROUP_EVENT).filter(({ json }) => json.type === 'group-member-removed').length,
    0,
  );
});

test('given a removal, when the old invitation is sent again by a resuming device, then it is not carried out again', async () => {
  await using server = await world();
  const [alice, bob, carol] = await trio(server);
  const dave = await server.connect('dave');
  const body = { group_id: GROUP, device: 'dave' };
  const sequence = alice.post(FRAME.GROUP_INVITE, NUMBER, body);
  await server.clock.settle();
  await enter(dave);
  await remove(alice, 'dave');
  const again = await alice.ask(FRAME.GROUP_INVITE, NUMBER, body, sequence);
  assert.equal(again.type, FRAME.ACK);
  assert.equal(refused(await enter(dave)), 'unknown_group');
  assert.equal(bob.of(FRAME.GROUP_INVITE).length, 1);
  assert.equal(carol.of(FRAME.GROUP_INVITE).length, 1);
});

test('given a member that leaves, then the others are told, and it hears and says nothing more', async () => {
  await using server = await world();
  const [alice, bob, carol] = await trio(server);
  assert.equal(refused(await quit(carol)), 'ACK');
  assert.equal(bob.of(FRAME.GROUP_EVENT)[0]?.json.type, 'group-member-left');
  await alice.say(NUMBER, 'gone');
  assert.deepEqual(carol.heard(), []);
  assert.equal(refused(await enter(carol)), 'unknown_group');
});

test('given an owner with members, then it leaves only after it has passed the group on', async () => {
  await using server = await world();
  const [alice, bob, carol] = await trio(server);
  assert.equal(refused(await quit(alice)), 'forbidden');
  assert.equal(refused(await promote(bob, 'bob', 'owner')), 'forbidden');
  assert.equal(refused(await promote(alice, 'carol', 'owner')), 'ACK');
  assert.equal(refused(await remove(alice, 'carol')), 'forbidden');
  assert.equal(refused(await quit(alice)), 'ACK');
  assert.equal(refused(await remove(carol, 'bob')), 'ACK');
  assert.equal(refused(await quit(carol)), 'ACK');
  assert.equal(refused(await enter(carol)), 'unknown_group');
  assert.equal(refused(await create(carol)), 'group_exists');
  assert.equal(server.running.figures().groups, 0);
});

test('given a log that refuses, when a device is removed, then it stays, and hears what is said afterwards', async () => {
  const clock = new Scheduler();
  const disk = new SimulatedDisk(clock);
  await using server = await world({ clock, log: disk.open() });
  const [alice, bob, carol] = await trio(server);
  disk.fail();
  assert.equal(refused(await remove(alice, 'carol')), 'storage');
  disk.heal();
  server.failures.splice(0);
  const document = { type: 'group-member-removed', group_id: GROUP, device: 'alice' };
  assert.equal(refused(await bob.ask(FRAME.GROUP_EVENT, NUMBER, document)), 'forbidden');
  await bob.say(NUMBER, 'still together');
  assert.deepEqual(carol.heard(), ['still together']);
  assert.equal(refused(await carol.say(NUMBER, 'indeed')), 'ACK');
});

test('given a disk that holds the removal, when the server crashes, then neither it nor its document exists, and both do once it is sent again', async () => {
  const clock = new Scheduler();
  const disk = new SimulatedDisk(clock);
  const first = await world({ clock, log: disk.open() });
  const [alice] = await trio(first);
  disk.hold('mail');
  const document = { type: 'group-member-removed', group_id: GROUP, device: 'carol' };
  const sequence = alice.post(FRAME.GROUP_EVENT, NUMBER, document);
  await clock.settle();
  first.cut();
  disk.crash();
  disk.release();
  await using second = await world({ clock, log: disk.open() });
  assert.ok(!disk.history.some(({ type }) => type === 'group.member_removed'));
  const again = await second.connect('alice');
  const bob = await second.connect('bob');
  const carol = await second.connect('carol');
  assert.ok((again.facts.resume?.received ?? 0) < sequence);
  assert.equal(refused(await carol.say(NUMBER, 'still here')), 'ACK');
  assert.equal((await again.ask(FRAME.GROUP_EVENT, NUMBER, document, sequence)).type, FRAME.ACK);
  for (const told of [bob, carol]) {
    assert.deepEqual(
      told.of(FRAME.GROUP_EVENT).map(({ json }) => json.device),
      ['carol'],
    );
  }
  assert.equal(refused(await carol.say(NUMBER, 'and now')), 'unknown_channel');
});
