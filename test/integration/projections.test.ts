import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FactEvent } from '../../src/events/events.ts';
import { STREAMS } from '../../src/events/streams.ts';
import { migrate, runProjections } from '../../src/projections/index.ts';
import { call } from '../kit/stream-names.ts';
import { postgresProblem, recordingLogger } from './projections-support.ts';
import { caughtUp, DAY, KEY, opened, registered, START, useProjectionWorld } from './projections-world.ts';

const skip = await postgresProblem();
const it = useProjectionWorld(skip);

test('given a database, when it is migrated twice, then the second time does nothing, and down leaves nothing', {
  skip,
}, async () => {
  const world = it();
  const logger = recordingLogger();
  assert.deepEqual(await migrate(world.server.dsn, logger), []);
  assert.equal((await migrate(world.server.dsn, logger, { direction: 'down' })).length, 6);
  const left = await world.rows(`select tablename from pg_tables where schemaname = 'public'`);
  assert.deepEqual(left, [{ tablename: 'schema_migrations' }]);
  const both = await Promise.all([migrate(world.server.dsn, logger), migrate(world.server.dsn, logger)]);
  assert.deepEqual(both.map((ran) => ran.length).sort(), [0, 6]);
});

test('given facts of every kind, when they are projected, then the rows say what they say', {
  skip,
}, async () => {
  const world = it();
  await using runner = runProjections(world.options());
  const user = { user: 'u1', handle: 'cat', domain: 'example.org', displayName: 'a\0b', avatarUrl: null };
  await world.facts(STREAMS.handle.stream('cat'), { type: 'handle.reserved', user: 'u1' });
  await world.facts(STREAMS.user.stream('u1'), { type: 'user.registered', ...user });
  await world.facts(STREAMS.user.stream('u1'), { type: 'user.device_added', device: 'd1' });
  await world.facts(STREAMS.device.stream('d1'), registered('d1'), {
    type: 'device.certificate_issued',
    device: 'd1',
    publicKey: KEY,
    serial: '18446744073709551615',
    issuedAt: START / 1000,
    expiresAt: START / 1000 + 60,
  } as FactEvent);
  await world.facts(STREAMS.session.stream('h1'), opened('d1'));
  await world.facts(STREAMS.audit.stream('1'), { type: 'handshake.rejected', reason: 'proof', device: null });
  await world.facts(call('c1'), {
    type: 'call.offered',
    call: 'c1',
    channel: 'd1~7',
    initiator: 'd1',
    participants: ['d1', 'd2'],
    mode: 'full_duplex',
    video: false,
  });
  await caughtUp(runner);
  world.now += 1000;
  await world.facts(STREAMS.user.stream('u1'), {
    type: 'user.profile_changed',
    displayName: 'Cat',
    avatarUrl: null,
    device: 'd1',
  });
  await world.facts(STREAMS.session.stream('h1'), {
    type: 'session.closed',
    device: 'd1',
    reason: 'replaced',
  });
  await world.facts(call('c1'), { type: 'call.answered', device: 'd2', accept: true, reason: null });
  await world.facts(call('c1'), { type: 'call.ended', reason: 'hangup' });
  await caughtUp(runner);
  const [first, then] = [new Date(START), new Date(START + 1000)];
  assert.deepEqual(await world.rows('select * from users'), [
    {
      user_id: 'u1',
      handle: 'cat',
      domain: 'example.org',
      display_name: 'Cat',
      avatar_url: null,
      registered_at: first,
      updated_at: then,
    },
  ]);
  assert.deepEqual(await world.rows('select device_id, user_id, public_key, status from devices'), [
    { device_id: 'd1', user_id: 'u1', public_key: Buffer.from(KEY, 'hex'), status: 'active' },
  ]);
  assert.deepEqual(await world.rows('select serial, issued_at, expires_at from device_certificates'), [
    { serial: '18446744073709551615', issued_at: first, expires_at: new Date(START + 60_000) },
  ]);
  assert.deepEqual(await world.rows('select kind, revision from device_key_events order by revision'), [
    { kind: 'registered', revision: 0 },
    { kind: 'certificate_issued', revision: 1 },
  ]);
  assert.deepEqual(
    await world.rows('select session_hash, capabilities, closed_at, close_reason from sessions'),
    [{ session_hash: 'h1', capabilities: ['resume'], closed_at: then, close_reason: 'replaced' }],
  );
  assert.deepEqual(await world.rows('select participants, answered_at, ended_at, end_reason from calls'), [
    { participants: ['d1', 'd2'], answered_at: then, ended_at: then, end_reason: 'hangup' },
  ]);
});

test('given a channel, when devices come and go, then its members follow, and it goes with the last one', {
  skip,
}, async () => {
  const world = it();
  await using runner = runProjections(world.options());
  const members = () => world.rows('select device_id, state from channel_members order by device_id');
  const lists = { listed: ['b', 'c'], admitted: ['d'] };
  const channel = { number: 4_294_967_295, creator: 'a', relay: true, open: false };
  await world.facts(STREAMS.channel.stream('k'), { type: 'channel.opened', ...channel, ...lists });
  await world.facts(STREAMS.channel.stream('k'), { type: 'channel.joined', device: 'b' });
  await caughtUp(runner);
  await world.facts(STREAMS.channel.stream('k'), { type: 'channel.left', device: 'a' });
  await caughtUp(runner);
  assert.deepEqual(await world.rows('select number, creator from channels'), [
    { number: 4_294_967_295, creator: 'a' },
  ]);
  assert.deepEqual(await members(), [
    { device_id: 'a', state: 'left' },
    { device_id: 'b', state: 'joined' },
    { device_id: 'c', state: 'listed' },
    { device_id: 'd', state: 'joined' },
  ]);
  await world.facts(
    STREAMS.channel.stream('k'),
    { type: 'channel.left', device: 'b' },
    { type: 'channel.left', device: 'd' },
  );
  await caughtUp(runner);
  assert.deepEqual(await world.rows('select * from channels'), []);
  assert.deepEqual(await members(), []);
});

test('given a group, when its members come, change and go, then its rows say what holds', {
  skip,
}, async () => {
  const world = it();
  await using runner = runProjections(world.options());
  const members = () =>
    world.rows('select device_id, role, standing, invited_by from group_members order by device_id');
  const invited = [
    { device: 'b', role: 'admin' },
    { device: 'c', role: 'member' },
  ] as const;
  await world.facts(STREAMS.group.stream('g-1'), {
    type: 'group.created',
    channel: 'k',
    number: 4_294_967_295,
    owner: 'a',
    relay: true,
    invited,
  });
  await world.facts(STREAMS.group.stream('g-1'), { type: 'group.member_joined', device: 'b' });
  await caughtUp(runner);
  world.now += 1000;
  await world.facts(
    STREAMS.group.stream('g-1'),
    { type: 'group.member_invited', device: 'd', role: 'member', by: 'b' },
    { type: 'group.member_paused', device: 'b' },
    { type: 'group.member_removed', device: 'c', by: 'a' },
    { type: 'group.role_changed', device: 'b', role: 'owner', by: 'a' },
    { type: 'group.role_changed', device: 'a', role: 'admin', by: 'a' },
  );
  await caughtUp(runner);
  assert.deepEqual(await world.rows('select group_id, number, owner, ended_at from groups'), [
    { group_id: 'g-1', number: 4_294_967_295, owner: 'b', ended_at: null },
  ]);
  assert.deepEqual(await members(), [
    { device_id: 'a', role: 'admin', standing: 'joined', invited_by: null },
    { device_id: 'b', role: 'owner', standing: 'paused', invited_by: 'a' },
    { device_id: 'd', role: 'member', standing: 'invited', invited_by: 'b' },
  ]);
  await world.facts(
    STREAMS.group.stream('g-1'),
    { type: 'group.member_left', device: 'a' },
    { type: 'group.ended' },
  );
  await caughtUp(runner);
  assert.deepEqual(await world.rows('select owner, ended_at from groups'), [
    { owner: 'b', ended_at: new Date(world.now) },
  ]);
  assert.deepEqual(await members(), []);
});

test('given mail, when a mailbox advances past the turn of its numbers, then exactly what is confirmed leaves', {
  skip,
}, async () => {
  const world = it();
  await using runner = runProjections(world.options());
  const last = 2 ** 32 - 1;
  await world.post([
    { device: 'bob', inboxNumber: last },
    { device: 'carl', inboxNumber: 1 },
  ]);
  await world.post([{ device: 'bob', inboxNumber: 0 }]);
  await world.post([{ device: 'bob', inboxNumber: 1 }]);
  await caughtUp(runner);
  assert.deepEqual(await world.waiting(), ['bob 0', 'bob 1', `bob ${last}`, 'carl 1']);
  await world.advance('bob', 0, 2);
  await caughtUp(runner);
  assert.deepEqual(await world.waiting(), ['bob 1', 'carl 1']);
  assert.deepEqual(await world.rows('select device_id, confirmed, next, received from inbox_offset'), [
    { device_id: 'bob', confirmed: 0, next: 2, received: 9 },
  ]);
});

test('given mail that is confirmed in the batch that posted it, when the batch is written, then there never was a row', {
  skip,
}, async () => {
  const world = it();
  await world.pool.query(`create table seen (n integer);
    create function count_row() returns trigger language plpgsql as 'begin insert into seen values (1); return new; end';
    create trigger count_rows after insert on relay_queue for each row execute function count_row()`);
  try {
    for (let number = 1; number <= 300; number += 1) {
      await world.post([{ device: 'bob', inboxNumber: number }]);
      if (number % 10 === 0) await world.advance('bob', number);
    }
    await world.post([{ device: 'bob', inboxNumber: 301 }]);
    await using runner = runProjections(world.options());
    await caughtUp(runner);
    assert.deepEqual(await world.waiting(), ['bob 301']);
    assert.deepEqual(await world.rows('select count(*)::int as n from seen'), [{ n: 1 }]);
  } finally {
    await world.pool.query(
      'drop trigger count_rows on relay_queue; drop function count_row(); drop table seen',
    );
  }
});

test('given a letter that the log tells of again behind its confirmation, when it is read, then it does not come back', {
  skip,
}, async () => {
  const world = it();
  await using runner = runProjections(world.options());
  await world.advance('bob', 5);
  await caughtUp(runner);
  await world.post([
    { device: 'bob', inboxNumber: 5 },
    { device: 'carl', inboxNumber: 2 },
  ]);
  await caughtUp(runner);
  await world.post([{ device: 'carl', inboxNumber: 2 }]);
  await caughtUp(runner);
  assert.deepEqual(await world.waiting(), ['carl 2']);
});

test('given mail and sessions past their time, when later events come, then their rows go by the time of the log', {
  skip,
}, async () => {
  const world = it();
  await using runner = runProjections(world.options());
  await world.facts(STREAMS.session.stream('old'), opened('d1'));
  await world.post([{ device: 'bob', inboxNumber: 1 }], 'k', 60_000);
  await world.post([{ device: 'bob', inboxNumber: 2 }], 'k', 40 * DAY);
  await caughtUp(runner);
  assert.deepEqual(await world.waiting(), ['bob 1', 'bob 2']);
  world.now += 31 * DAY;
  await world.facts(STREAMS.session.stream('new'), opened('d1'));
  await caughtUp(runner);
  assert.deepEqual(await world.waiting(), ['bob 2']);
  assert.deepEqual(await world.rows('select session_hash from sessions'), [{ session_hash: 'new' }]);
});
