import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scheduler } from '../../test/kit/scheduler.ts';
import { turns } from '../../test/kit/waiting.ts';
import { STREAMS } from '../events/streams.ts';
import type { StreamAppend } from '../log/event-log.ts';
import { LogError } from '../log/log-error.ts';
import { MemoryLog } from '../log/memory/memory-log.ts';
import { MailClock } from './mailboxes/mail-clock.ts';
import { Mailboxes } from './mailboxes/mailboxes.ts';
import type { Post, Poster } from './post.ts';
import { PostOffice } from './post-office.ts';

const LIMITS = { collected: 16_000_000, collectedPerDevice: 4_000_000 };
const TTL = 3600;
const MIB = 1_048_576;
const FACT: StreamAppend = {
  stream: STREAMS.group.stream('g'),
  expected: 0,
  events: [{ type: 'x', data: new Uint8Array(1) }],
};

/** Writes down how large each append was. */
class MeasuringLog extends MemoryLog {
  readonly appends: number[] = [];
  /** Streams that this log never takes. */
  cursed: string | undefined;
  /** Of the next append. */
  answer: ReturnType<MemoryLog['append']> | undefined;

  override append(appends: readonly StreamAppend[]): ReturnType<MemoryLog['append']> {
    if (appends.some(({ stream }) => stream === this.cursed)) {
      return Promise.reject(new LogError('LOG_INVALID', 'never'));
    }
    const { answer } = this;
    if (answer !== undefined) {
      this.answer = undefined;
      return answer;
    }
    const sizes = appends.flatMap(({ events }) => events.map(({ data }) => data.length));
    this.appends.push(sizes.reduce((sum, size) => sum + size, 0));
    return super.append(appends);
  }
}

/** A post office over a log in memory, and devices in channels. */
function world(appendLimit = 64 * MIB) {
  const clock = new Scheduler();
  const log = new MeasuringLog(clock, { appendLimit });
  const mailboxes = new Mailboxes();
  const acknowledged: string[] = [];
  const carried: string[] = [];
  const refused: { readonly name: string; readonly forGood: boolean }[] = [];
  const name = ({ poster, sequence }: Post): string => `${poster.mailbox.device} ${sequence}`;
  const office = new PostOffice({
    log,
    clock,
    mailClock: new MailClock(clock, TTL * 1000),
    ttlSeconds: TTL,
    limits: LIMITS,
    facts: { carry: ({ fact }) => void carried.push(fact.stream) },
    cursors: { unread: () => undefined, touched: () => undefined },
    writes: { flush: () => undefined },
    events: { posted: () => undefined, failed: () => undefined },
  });
  const posterOf = (device: string, resumes = true): Poster => ({
    mailbox: mailboxes.mailbox(device),
    resumes,
    posted: (post) => acknowledged.push(name(post)),
    refused: (post, forGood) => refused.push({ name: name(post), forGood }),
  });
  const channel = (key: string, ...devices: readonly string[]) => {
    const members = devices.map((device) => mailboxes.mailbox(device));
    const mail = mailboxes.mail(key);
    return (device: string, sequence: number, bytes = 1): Post => ({
      poster: posterOf(device),
      mail,
      type: 5,
      channel: 7,
      sequence,
      payload: new Uint8Array(bytes),
      members,
      missing: 0,
      refused: [],
      fact: undefined,
    });
  };
  return { clock, log, mailboxes, office, acknowledged, refused, carried, channel, posterOf };
}

function crowd(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${index}`.padStart(128, 'n'));
}

test('given letters of many long names, when they are posted in one turn, then no append is larger than a batch, and all are stored in order', async () => {
  const { log, office, acknowledged, refused, channel } = world();
  const names = crowd(400);
  const post = channel('crowd', 'alice', ...names);
  for (let sequence = 1; sequence <= 300; sequence += 1) office.post(post('alice', sequence));
  await office.drained();

  assert.deepEqual(refused, []);
  assert.deepEqual(
    acknowledged,
    Array.from({ length: 300 }, (_, index) => `alice ${index + 1}`),
  );
  assert.ok(log.appends.length > 3, `${log.appends.length} appends`);
  assert.ok(Math.max(...log.appends) <= 4 * MIB, `${Math.max(...log.appends)} bytes`);
});

test('given a device that posts in masses, when another one posts once, then it goes with the next batch', async () => {
  const { office, acknowledged, channel } = world();
  const post = channel('crowd', 'alice', ...crowd(400));
  const pair = channel('pair', 'bob', 'carol');
  for (let sequence = 1; sequence <= 300; sequence += 1) office.post(post('alice', sequence));
  office.post(pair('bob', 1));
  await office.drained();

  const place = acknowledged.indexOf('bob 1');
  assert.ok(place >= 0 && place < 80, `behind ${place} letters of alice`);
  const ofAlice = acknowledged.filter((name) => name.startsWith('alice'));
  assert.deepEqual(
    ofAlice,
    Array.from({ length: 300 }, (_, index) => `alice ${index + 1}`),
  );
});

test('given many devices that post in masses, when another one posts once behind all of them, then it goes with the next batch', async () => {
  const { office, acknowledged, channel } = world();
  const heavy = Array.from({ length: 12 }, (_, index) => `heavy ${index}`);
  const post = channel('few', 'alice', 'carol');
  const pair = channel('pair', 'bob', 'carol');
  for (const device of heavy) {
    for (let sequence = 1; sequence <= 2_000; sequence += 1) office.post(post(device, sequence));
  }
  office.post(pair('bob', 1));
  await office.drained();

  const place = acknowledged.indexOf('bob 1');
  assert.ok(place >= 0 && place < 12_000, `behind ${place} letters of others`);
  assert.equal(acknowledged.length, 12 * 2_000 + 1);
});

test('given letters of a channel that wait for a batch, when a fact is posted there, then it comes behind them, and what follows behind it', async () => {
  const { office, acknowledged, channel } = world();
  const post = channel('crowd', 'alice', 'bob', 'carol', ...crowd(400));
  for (let sequence = 1; sequence <= 300; sequence += 1) office.post(post('alice', sequence));
  office.post({ ...post('bob', 1), fact: FACT });
  office.post(post('carol', 1));
  office.post(channel('pair', 'dave', 'carol')('dave', 1));
  await office.drained();

  assert.deepEqual(acknowledged.slice(-3), ['alice 300', 'bob 1', 'carol 1']);
  assert.ok(acknowledged.indexOf('dave 1') < 80);
});

test('given a fact that the log refuses, when others have posted behind it, then those of its channel are refused with it, and what they sent behind', async () => {
  const { log, office, acknowledged, refused, carried, channel, mailboxes, posterOf } = world();
  const group = channel('group', 'alice', 'bob', 'carol');
  const other = channel('other', 'bob', 'dave');
  const full = new LogError('LOG_UNAVAILABLE', 'full', { retryable: true });
  let refuse: (error: LogError) => void = assert.fail;
  log.answer = new Promise((_, reject) => {
    refuse = reject;
  });
  office.post({ ...group('alice', 1), fact: FACT });
  await turns(1);
  office.post(other('dave', 1));
  office.post(group('bob', 1));
  office.post(other('bob', 2));
  office.post({ ...other('carol', 9), poster: posterOf('carol', false) });
  refuse(full);
  await office.drained();

  assert.deepEqual(
    refused.map(({ name }) => name),
    ['alice 1', 'bob 1', 'bob 2'],
  );
  assert.deepEqual(acknowledged, ['dave 1', 'carol 9']);
  assert.deepEqual(carried, []);
  for (const device of ['alice', 'bob', 'carol', 'dave']) await mailboxes.mailbox(device).lane.quiet();
});

test('given a letter that the log can never take, then it does not fit; and one that does is stored', async () => {
  const { office, channel } = world(20_000);
  const many = channel('crowd', 'alice', ...crowd(400));
  const few = channel('few', 'alice', ...crowd(4));
  assert.equal(office.fits(many('alice', 1)), false);
  assert.equal(office.fits(few('alice', 2)), true);
});

test('given a post that the log refuses for good, when others are in its batch, then only its sender is told', async () => {
  const { log, mailboxes, office, acknowledged, refused, channel } = world();
  log.cursed = STREAMS.mail.stream('cursed');
  const good = channel('good', 'alice', 'bob', 'carol');
  const cursed = channel('cursed', 'mallory', 'bob');
  office.post(good('alice', 1));
  office.post(cursed('mallory', 1));
  office.post(good('bob', 1));
  office.post(cursed('mallory', 2));
  office.post(good('alice', 2));
  await office.drained();

  assert.deepEqual(acknowledged, ['alice 1', 'bob 1', 'alice 2']);
  assert.deepEqual(refused, [
    { name: 'mallory 1', forGood: true },
    { name: 'mallory 2', forGood: true },
  ]);
  // Bob's numbers have no gap where mallory's letters would have been.
  assert.equal(mailboxes.mailbox('bob').stored, 2);
  assert.equal(mailboxes.mailbox('bob').next, 3);
});

test('given a device name that cannot be encoded, when somebody posts to it, then the office goes on for all others', async () => {
  const { office, acknowledged, refused, channel } = world();
  office.post(channel('bad', 'mallory', 'b\u00e4d')('mallory', 1));
  office.post(channel('good', 'alice', 'bob')('alice', 1));
  await office.drained();

  assert.deepEqual(acknowledged, ['alice 1']);
  assert.deepEqual(refused, [{ name: 'mallory 1', forGood: true }]);
});

test('given much that waits for the disk, then who has a part in it is congested, and who has none is not', async () => {
  const { office, channel, mailboxes } = world();
  const post = channel('crowd', 'alice', 'bob', ...crowd(400));
  const pair = channel('pair', 'bob', 'carol');
  for (let sequence = 1; sequence <= 400; sequence += 1) office.post(post('alice', sequence));
  office.post(pair('bob', 1));
  assert.equal(office.isCongested(mailboxes.mailbox('alice')), true);
  assert.equal(office.isCongested(mailboxes.mailbox('bob')), false);
  await office.drained();
  assert.equal(office.isCongested(mailboxes.mailbox('alice')), false);
  assert.equal(mailboxes.mailbox('alice').collectedBytes, 0);
});

test('given a letter to many, when it is stored, then their mailboxes together count all of it, before and after a restart', async () => {
  const { clock, log, mailboxes, office, channel } = world();
  const names = crowd(40);
  office.post(channel('crowd', 'alice', ...names)('alice', 1));
  await office.drained();
  await clock.settle();
  const [stored = 0] = log.appends;
  const shares = (of: Mailboxes): number =>
    names.reduce((sum, name) => sum + of.mailbox(name).storedBytes, 0);
  assert.ok(shares(mailboxes) >= stored, `${shares(mailboxes)} of ${stored} bytes`);
  const again = new Mailboxes();
  await again.restore(log, new MailClock(clock, TTL * 1000));
  assert.equal(shares(again), shares(mailboxes));
});
