import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type pg from 'pg';
import type { FactEvent } from '../../src/events/events.ts';
import { encodeFact } from '../../src/events/fact-encoding.ts';
import type { MailRecipient } from '../../src/events/mail-encoding.ts';
import { STREAMS } from '../../src/events/streams.ts';
import type { EventLog, NewEvent, StreamName } from '../../src/log/event-log.ts';
import { MemoryLog } from '../../src/log/memory/memory-log.ts';
import type { Clock } from '../../src/ports/ports.ts';
import {
  type EmbeddedPostgres,
  migrate,
  openPostgres,
  type ProjectionRunner,
  READ_MODELS,
  rebuildProjections,
  runProjections,
  startEmbeddedPostgres,
} from '../../src/projections/index.ts';
import { systemClock, systemRandom } from '../../src/system/index.ts';
import { call } from '../kit/stream-names.ts';
import { until } from '../kit/waiting.ts';
import { dump, postgresProblem, recordingLogger } from './projections-support.ts';

const skip = await postgresProblem();
const START = Date.UTC(2026, 0, 1);
const DAY = 86_400_000;

let directory: string;
let server: EmbeddedPostgres;
let pool: pg.Pool;
let now = START;
const clock: Clock = { ...systemClock, now: () => now };
let log: MemoryLog;

const start = (port?: number) =>
  startEmbeddedPostgres({ directory, random: systemRandom, ...(port === undefined ? {} : { port }) });

before(async () => {
  if (skip) return;
  directory = await mkdtemp(join(tmpdir(), 'commucat-projections-'));
  server = await start();
  await migrate(server.dsn, recordingLogger());
  pool = openPostgres({ dsn: server.dsn, onIdleError: () => undefined });
});

beforeEach(async () => {
  if (skip) return;
  now = START;
  log = new MemoryLog(clock);
  await pool.query(`truncate users, devices, device_certificates, device_key_events, sessions, channels,
    channel_members, groups, group_members, calls, relay_queue, inbox_offset, projection_checkpoint`);
});

after(async () => {
  if (skip) return;
  await pool.end();
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const options = (over: { readonly log?: EventLog } = {}) => ({
  log,
  pool,
  projections: READ_MODELS,
  clock,
  logger: recordingLogger(),
  windowMs: 20,
  standbyMs: 50,
  ...over,
});

async function append(stream: StreamName, ...events: readonly NewEvent[]): Promise<void> {
  await log.append([{ stream, expected: 'any', events }]);
}
const facts = (stream: StreamName, ...events: readonly FactEvent[]) =>
  append(stream, ...events.map(encodeFact));

async function post(recipients: readonly MailRecipient[], channel = 'alice~7', ttlMs = DAY): Promise<void> {
  const expiresAt = (now + ttlMs) / 1000;
  const payload = Buffer.from('opaque');
  const letter = {
    sender: 'alice',
    senderSequence: 1,
    resumable: true,
    frameType: 0x10,
    channel: 7,
    expiresAt,
  };
  const posted = { ...letter, refused: [], fact: undefined, recipients, payload };
  await log.append([STREAMS.mail.append(channel, 'any', [posted])]);
}
async function advance(device: string, confirmed: number, after = confirmed + 1): Promise<void> {
  const counters = {
    confirmed,
    next: after % 2 ** 32,
    received: 9,
    refused: [],
    missed: 0,
    expired: undefined,
  };
  await log.append([STREAMS.inbox.append(device, 'any', [counters])]);
}

async function caughtUp(runner: ProjectionRunner): Promise<void> {
  await until(() => runner.projectionStatus().up && runner.projectionStatus().lag === 0);
}
async function rows(text: string): Promise<unknown[]> {
  return (await pool.query<Record<string, unknown>>(text)).rows;
}
const waiting = async (): Promise<unknown[]> =>
  (
    await pool.query<{ letter: string }>(
      `select device_id || ' ' || inbox_number as letter from relay_queue order by device_id, inbox_number`,
    )
  ).rows.map((row) => row.letter);

const KEY = 'ab'.repeat(32);
const registered = (device: string): FactEvent =>
  ({
    type: 'device.registered',
    device,
    user: 'u1',
    publicKey: KEY,
    by: 'auto_approval',
  }) as FactEvent;
const opened = (device: string): FactEvent => ({
  type: 'session.opened',
  device,
  user: 'u1',
  pattern: 'XK',
  generation: 'records',
  capabilities: ['resume'],
  noiseKeyVersion: 1,
});

test('given a database, when it is migrated twice, then the second time does nothing, and down leaves nothing', {
  skip,
}, async () => {
  const logger = recordingLogger();
  assert.deepEqual(await migrate(server.dsn, logger), []);
  assert.equal((await migrate(server.dsn, logger, { direction: 'down' })).length, 6);
  const left = await rows(`select tablename from pg_tables where schemaname = 'public'`);
  assert.deepEqual(left, [{ tablename: 'schema_migrations' }]);
  const both = await Promise.all([migrate(server.dsn, logger), migrate(server.dsn, logger)]);
  assert.deepEqual(both.map((ran) => ran.length).sort(), [0, 6]);
});

test('given facts of every kind, when they are projected, then the rows say what they say', {
  skip,
}, async () => {
  await using runner = runProjections(options());
  const user = { user: 'u1', handle: 'cat', domain: 'example.org', displayName: 'a\0b', avatarUrl: null };
  await facts(STREAMS.handle.stream('cat'), { type: 'handle.reserved', user: 'u1' });
  await facts(STREAMS.user.stream('u1'), { type: 'user.registered', ...user });
  await facts(STREAMS.user.stream('u1'), { type: 'user.device_added', device: 'd1' });
  await facts(STREAMS.device.stream('d1'), registered('d1'), {
    type: 'device.certificate_issued',
    device: 'd1',
    publicKey: KEY,
    serial: '18446744073709551615',
    issuedAt: START / 1000,
    expiresAt: START / 1000 + 60,
  } as FactEvent);
  await facts(STREAMS.session.stream('h1'), opened('d1'));
  await facts(STREAMS.audit.stream('1'), { type: 'handshake.rejected', reason: 'proof', device: null });
  await facts(call('c1'), {
    type: 'call.offered',
    call: 'c1',
    channel: 'd1~7',
    initiator: 'd1',
    participants: ['d1', 'd2'],
    mode: 'full_duplex',
    video: false,
  });
  await caughtUp(runner);
  now += 1000;
  await facts(STREAMS.user.stream('u1'), {
    type: 'user.profile_changed',
    displayName: 'Cat',
    avatarUrl: null,
    device: 'd1',
  });
  await facts(STREAMS.session.stream('h1'), { type: 'session.closed', device: 'd1', reason: 'replaced' });
  await facts(call('c1'), { type: 'call.answered', device: 'd2', accept: true, reason: null });
  await facts(call('c1'), { type: 'call.ended', reason: 'hangup' });
  await caughtUp(runner);
  const [first, then] = [new Date(START), new Date(START + 1000)];
  assert.deepEqual(await rows('select * from users'), [
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
  assert.deepEqual(await rows('select device_id, user_id, public_key, status from devices'), [
    { device_id: 'd1', user_id: 'u1', public_key: Buffer.from(KEY, 'hex'), status: 'active' },
  ]);
  assert.deepEqual(await rows('select serial, issued_at, expires_at from device_certificates'), [
    { serial: '18446744073709551615', issued_at: first, expires_at: new Date(START + 60_000) },
  ]);
  assert.deepEqual(await rows('select kind, revision from device_key_events order by revision'), [
    { kind: 'registered', revision: 0 },
    { kind: 'certificate_issued', revision: 1 },
  ]);
  assert.deepEqual(await rows('select session_hash, capabilities, closed_at, close_reason from sessions'), [
    { session_hash: 'h1', capabilities: ['resume'], closed_at: then, close_reason: 'replaced' },
  ]);
  assert.deepEqual(await rows('select participants, answered_at, ended_at, end_reason from calls'), [
    { participants: ['d1', 'd2'], answered_at: then, ended_at: then, end_reason: 'hangup' },
  ]);
});

test('given a channel, when devices come and go, then its members follow, and it goes with the last one', {
  skip,
}, async () => {
  await using runner = runProjections(options());
  const members = () => rows('select device_id, state from channel_members order by device_id');
  const lists = { listed: ['b', 'c'], admitted: ['d'] };
  const channel = { number: 4_294_967_295, creator: 'a', relay: true, open: false };
  await facts(STREAMS.channel.stream('k'), { type: 'channel.opened', ...channel, ...lists });
  await facts(STREAMS.channel.stream('k'), { type: 'channel.joined', device: 'b' });
  await caughtUp(runner);
  await facts(STREAMS.channel.stream('k'), { type: 'channel.left', device: 'a' });
  await caughtUp(runner);
  assert.deepEqual(await rows('select number, creator from channels'), [
    { number: 4_294_967_295, creator: 'a' },
  ]);
  assert.deepEqual(await members(), [
    { device_id: 'a', state: 'left' },
    { device_id: 'b', state: 'joined' },
    { device_id: 'c', state: 'listed' },
    { device_id: 'd', state: 'joined' },
  ]);
  await facts(
    STREAMS.channel.stream('k'),
    { type: 'channel.left', device: 'b' },
    { type: 'channel.left', device: 'd' },
  );
  await caughtUp(runner);
  assert.deepEqual(await rows('select * from channels'), []);
  assert.deepEqual(await members(), []);
});

test('given a group, when its members come, change and go, then its rows say what holds', {
  skip,
}, async () => {
  await using runner = runProjections(options());
  const members = () =>
    rows('select device_id, role, standing, invited_by from group_members order by device_id');
  const invited = [
    { device: 'b', role: 'admin' },
    { device: 'c', role: 'member' },
  ] as const;
  await facts(STREAMS.group.stream('g-1'), {
    type: 'group.created',
    channel: 'k',
    number: 4_294_967_295,
    owner: 'a',
    relay: true,
    invited,
  });
  await facts(STREAMS.group.stream('g-1'), { type: 'group.member_joined', device: 'b' });
  await caughtUp(runner);
  now += 1000;
  await facts(
    STREAMS.group.stream('g-1'),
    { type: 'group.member_invited', device: 'd', role: 'member', by: 'b' },
    { type: 'group.member_paused', device: 'b' },
    { type: 'group.member_removed', device: 'c', by: 'a' },
    { type: 'group.role_changed', device: 'b', role: 'owner', by: 'a' },
    { type: 'group.role_changed', device: 'a', role: 'admin', by: 'a' },
  );
  await caughtUp(runner);
  assert.deepEqual(await rows('select group_id, number, owner, ended_at from groups'), [
    { group_id: 'g-1', number: 4_294_967_295, owner: 'b', ended_at: null },
  ]);
  assert.deepEqual(await members(), [
    { device_id: 'a', role: 'admin', standing: 'joined', invited_by: null },
    { device_id: 'b', role: 'owner', standing: 'paused', invited_by: 'a' },
    { device_id: 'd', role: 'member', standing: 'invited', invited_by: 'b' },
  ]);
  await facts(
    STREAMS.group.stream('g-1'),
    { type: 'group.member_left', device: 'a' },
    { type: 'group.ended' },
  );
  await caughtUp(runner);
  assert.deepEqual(await rows('select owner, ended_at from groups'), [
    { owner: 'b', ended_at: new Date(now) },
  ]);
  assert.deepEqual(await members(), []);
});

test('given mail, when a mailbox advances past the turn of its numbers, then exactly what is confirmed leaves', {
  skip,
}, async () => {
  await using runner = runProjections(options());
  const last = 2 ** 32 - 1;
  await post([
    { device: 'bob', inboxNumber: last },
    { device: 'carl', inboxNumber: 1 },
  ]);
  await post([{ device: 'bob', inboxNumber: 0 }]);
  await post([{ device: 'bob', inboxNumber: 1 }]);
  await caughtUp(runner);
  assert.deepEqual(await waiting(), ['bob 0', 'bob 1', `bob ${last}`, 'carl 1']);
  await advance('bob', 0, 2);
  await caughtUp(runner);
  assert.deepEqual(await waiting(), ['bob 1', 'carl 1']);
  assert.deepEqual(await rows('select device_id, confirmed, next, received from inbox_offset'), [
    { device_id: 'bob', confirmed: 0, next: 2, received: 9 },
  ]);
});

test('given mail that is confirmed in the batch that posted it, when the batch is written, then there never was a row', {
  skip,
}, async () => {
  await pool.query(`create table seen (n integer);
    create function count_row() returns trigger language plpgsql as 'begin insert into seen values (1); return new; end';
    create trigger count_rows after insert on relay_queue for each row execute function count_row()`);
  try {
    for (let number = 1; number <= 300; number += 1) {
      await post([{ device: 'bob', inboxNumber: number }]);
      if (number % 10 === 0) await advance('bob', number);
    }
    await post([{ device: 'bob', inboxNumber: 301 }]);
    await using runner = runProjections(options());
    await caughtUp(runner);
    assert.deepEqual(await waiting(), ['bob 301']);
    assert.deepEqual(await rows('select count(*)::int as n from seen'), [{ n: 1 }]);
  } finally {
    await pool.query('drop trigger count_rows on relay_queue; drop function count_row(); drop table seen');
  }
});

test('given a letter that the log tells of again behind its confirmation, when it is read, then it does not come back', {
  skip,
}, async () => {
  await using runner = runProjections(options());
  await advance('bob', 5);
  await caughtUp(runner);
  await post([
    { device: 'bob', inboxNumber: 5 },
    { device: 'carl', inboxNumber: 2 },
  ]);
  await caughtUp(runner);
  await post([{ device: 'carl', inboxNumber: 2 }]);
  await caughtUp(runner);
  assert.deepEqual(await waiting(), ['carl 2']);
});

test('given mail and sessions past their time, when later events come, then their rows go by the time of the log', {
  skip,
}, async () => {
  await using runner = runProjections(options());
  await facts(STREAMS.session.stream('old'), opened('d1'));
  await post([{ device: 'bob', inboxNumber: 1 }], 'k', 60_000);
  await post([{ device: 'bob', inboxNumber: 2 }], 'k', 40 * DAY);
  await caughtUp(runner);
  assert.deepEqual(await waiting(), ['bob 1', 'bob 2']);
  now += 31 * DAY;
  await facts(STREAMS.session.stream('new'), opened('d1'));
  await caughtUp(runner);
  assert.deepEqual(await waiting(), ['bob 2']);
  assert.deepEqual(await rows('select session_hash from sessions'), [{ session_hash: 'new' }]);
});

/** A channel and a group whose members come and go. */
async function channelTraffic(round: number): Promise<void> {
  const device = `m${round % 7}`;
  const other = `m${(round + 3) % 7}`;
  const channel = STREAMS.channel.stream(`c${Math.floor(round / 20)}`);
  const group = STREAMS.group.stream(`g${Math.floor(round / 20)}`);
  if (round % 20 === 0 || round === 1) {
    const common = { number: 7, relay: true };
    const lists = { creator: 'm0', open: false, listed: [device, other], admitted: [] };
    await facts(channel, { type: 'channel.opened', ...common, ...lists });
    const invited = [{ device: other, role: 'member' as const }];
    await facts(group, { type: 'group.created', ...common, channel: `k${round}`, owner: 'm0', invited });
  }
  await facts(channel, { type: 'channel.joined', device });
  await facts(group, { type: 'group.member_invited', device, role: 'member', by: 'm0' });
  await facts(group, { type: 'group.member_joined', device: other });
  if (round % 4 === 0) {
    await facts(channel, { type: 'channel.left', device: other });
    await facts(group, { type: 'group.member_removed', device: other, by: 'm0' });
  }
}

/** Traffic with everything that leaves the log later: delivered, expired and superseded. */
async function traffic(first: number, last: number): Promise<void> {
  for (let round = first; round <= last; round += 1) {
    now += 7000;
    const devices = [`d${round % 5}`, `d${(round + 1) % 5}`];
    await facts(STREAMS.device.stream(`x${round}`), registered(`x${round}`));
    await facts(STREAMS.session.stream(`${round}`), opened(`d${round % 5}`));
    await channelTraffic(round);
    if (round % 3 === 0) {
      await facts(STREAMS.session.stream(`${round - 1}`), {
        type: 'session.closed',
        device: 'd',
        reason: 'bye',
      });
    }
    await post(
      devices.map((device) => ({ device, inboxNumber: round })),
      `k${round % 4}`,
      round % 6 === 0 ? 30_000 : DAY,
    );
    if (round % 2 === 0 && round > 12) await advance(devices[0] ?? '', round - 12, round + 1);
  }
}

test('given a log whose delivered mail is gone, when the rows are dropped and built again, then they are the same', {
  skip,
}, async () => {
  const runner = runProjections(options());
  for (let part = 0; part < 4; part += 1) {
    await traffic(part * 25 + 1, part * 25 + 25);
    await caughtUp(runner);
  }
  const incremental = await dump(pool);
  await assert.rejects(rebuildProjections(options()), { code: 'PROJECTIONS_BUSY' });
  await runner[Symbol.asyncDispose]();
  assert.ok((incremental.relay_queue?.length ?? 0) > 5);
  await rebuildProjections(options());
  assert.deepEqual(await dump(pool), incremental);
  // Letters that nobody waits for any more leave the log, as the relay truncates it.
  const kept = new Set(
    (await rows('select channel_key, mail_revision from relay_queue')).map((row) =>
      Object.values(row ?? {}).join(' '),
    ),
  );
  for (const key of ['k0', 'k1', 'k2', 'k3']) {
    let before = 0;
    const { lastRevision } = await log.streamState(STREAMS.mail.stream(key));
    while (before <= lastRevision && !kept.has(`${key} ${before}`)) before += 1;
    assert.ok(before > 0);
    await log.truncate(STREAMS.mail.stream(key), before);
  }
  await rebuildProjections(options());
  assert.deepEqual(await dump(pool), incremental);
});

test('given room for three entries only, when the log is read in many small batches, then the rows are the same', {
  skip,
}, async () => {
  const channel = { number: 7, creator: 'a', relay: true, open: false, listed: ['b'], admitted: ['c'] };
  for (let round = 0; round < 3; round += 1) {
    await facts(
      STREAMS.channel.stream('k'),
      { type: 'channel.opened', ...channel },
      { type: 'channel.joined', device: 'b' },
    );
    for (const device of ['a', 'b', 'c']) {
      await facts(STREAMS.channel.stream('k'), { type: 'channel.left', device });
    }
    await facts(STREAMS.channel.stream('k'), { type: 'channel.joined', device: 'late' });
    await facts(
      STREAMS.channel.stream(`l${round}`),
      { type: 'channel.opened', ...channel },
      { type: 'channel.left', device: 'c' },
    );
    await traffic(round * 20 + 1, round * 20 + 20);
  }
  await rebuildProjections({ ...options(), maxHeld: 3 });
  const inSmallBatches = await dump(pool);
  // Three of their own, four of the traffic.
  assert.equal(inSmallBatches.channels?.length, 7);
  assert.equal(inSmallBatches.groups?.length, 4);
  assert.ok((inSmallBatches.group_members?.length ?? 0) > 4);
  await rebuildProjections(options());
  assert.deepEqual(await dump(pool), inSmallBatches);
});

test('given PostgreSQL goes away, when it comes back, then the projections catch up and nothing is doubled', {
  skip,
}, async () => {
  const logger = recordingLogger();
  await using runner = runProjections({ ...options(), logger });
  await traffic(1, 10);
  await caughtUp(runner);
  await server[Symbol.asyncDispose]();
  await traffic(11, 20);
  await until(() => runner.projectionStatus().role === 'waiting');
  assert.equal(runner.projectionStatus().up, false);
  assert.ok(runner.projectionStatus().error);
  assert.ok(runner.projectionStatus().lag > 0);
  server = await start(server.port);
  await caughtUp(runner);
  assert.equal(runner.projectionStatus().error, undefined);
  const caught = await dump(pool);
  await runner[Symbol.asyncDispose]();
  await rebuildProjections(options());
  assert.deepEqual(await dump(pool), caught);
});

test('given two servers, when both run, then one writes and the other takes over when it goes', {
  skip,
}, async () => {
  const first = runProjections(options());
  await facts(STREAMS.device.stream('1'), registered('1'));
  await caughtUp(first);
  await using second = runProjections(options());
  await until(() => second.projectionStatus().role === 'standby' && second.projectionStatus().lag === 0);
  assert.equal(first.projectionStatus().role, 'active');
  assert.equal(second.projectionStatus().up, true);
  await first[Symbol.asyncDispose]();
  await facts(STREAMS.device.stream('2'), registered('2'));
  await until(() => second.projectionStatus().role === 'active');
  await caughtUp(second);
  assert.deepEqual(await rows('select device_id from devices order by 1'), [
    { device_id: '1' },
    { device_id: '2' },
  ]);
});

test('given an event of an unknown type, when it is met, then only the projection that answers for it stops, and says why', {
  skip,
}, async () => {
  const logger = recordingLogger();
  const runner = runProjections({ ...options(), logger });
  await facts(STREAMS.device.stream('1'), registered('1'));
  await append(STREAMS.device.stream('2'), { type: 'device.teleported', data: Buffer.from('{"v":1}') });
  await facts(STREAMS.device.stream('3'), registered('3'));
  await post([{ device: 'bob', inboxNumber: 1 }]);
  const state = (name: string) => runner.projectionStatus().projections.find((one) => one.name === name);
  await until(() => state('devices')?.error !== undefined && state('mail')?.lag === 0);
  assert.match(
    state('devices')?.error ?? '',
    /devices stopped before position 2 \(device\.teleported, stream device-2/,
  );
  assert.equal(runner.projectionStatus().up, false);
  assert.equal(state('devices')?.checkpoint, 1);
  assert.deepEqual(await waiting(), ['bob 1']);
  assert.deepEqual(await rows('select device_id from devices'), [{ device_id: '1' }]);
  assert.equal(logger.lines.filter((line) => line.level === 'error').length, 1);
  await runner[Symbol.asyncDispose]();
  const [row] = await rows(`select error from projection_checkpoint where projection = 'devices'`);
  assert.match(JSON.stringify(row), /device\.teleported/);
});

test('given an event whose rows PostgreSQL refuses, when it is written, then only that projection stops', {
  skip,
}, async () => {
  await using runner = runProjections(options());
  await append(STREAMS.user.stream('u1'), {
    type: 'user.registered',
    data: Buffer.from('{"v":1,"handle":"x","domain":"d"}'),
  });
  await facts(STREAMS.device.stream('1'), registered('1'));
  const state = (name: string) => runner.projectionStatus().projections.find((one) => one.name === name);
  await until(() => state('users')?.error !== undefined && state('devices')?.lag === 0);
  assert.match(state('users')?.error ?? '', /users stopped/);
  assert.deepEqual(await rows('select device_id from devices'), [{ device_id: '1' }]);
});

test('given rows of an older version of a projection, when a newer one runs, then they are built again', {
  skip,
}, async () => {
  await facts(STREAMS.device.stream('1'), registered('1'));
  await rebuildProjections(options());
  await pool.query(`update projection_checkpoint set version = 0; update devices set status = 'outdated'`);
  await using runner = runProjections(options());
  await caughtUp(runner);
  assert.deepEqual(await rows('select status from devices'), [{ status: 'active' }]);
});
