import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock, settle } from '../../test/simulation/clock.ts';
import type { StreamAppend } from '../log/event-log.ts';
import { LogError } from '../log/log-error.ts';
import { MemoryLog } from '../log/memory-log.ts';
import { Mailboxes } from './mailboxes.ts';
import type { Post, Poster } from './post.ts';
import { PostOffice } from './post-office.ts';

const LIMITS = { collected: 16_000_000, collectedPerDevice: 4_000_000 };
const TTL = 3600;
const MIB = 1_048_576;

/** Writes down how large each append was. */
class MeasuringLog extends MemoryLog {
  readonly appends: number[] = [];
  /** Streams that this log never takes. */
  cursed: string | undefined;

  override append(appends: readonly StreamAppend[]): ReturnType<MemoryLog['append']> {
    if (appends.some(({ stream }) => stream === this.cursed)) {
      return Promise.reject(new LogError('LOG_INVALID', 'never'));
    }
    const sizes = appends.flatMap(({ events }) => events.map(({ data }) => data.length));
    this.appends.push(sizes.reduce((sum, size) => sum + size, 0));
    return super.append(appends);
  }
}

/** A post office over a log in memory, and devices in channels. */
function world(appendLimit = 64 * MIB) {
  const clock = new SimulatedClock();
  const log = new MeasuringLog(clock, { appendLimit });
  const mailboxes = new Mailboxes();
  const acknowledged: string[] = [];
  const refused: { readonly name: string; readonly isPermanent: boolean }[] = [];
  const name = ({ poster, sequence }: Post<Poster>): string => `${poster.mailbox.device} ${sequence}`;
  const office = new PostOffice<Poster>(log, clock, TTL, LIMITS, {
    acknowledge: (post) => acknowledged.push(name(post)),
    refuse: (post, _error, isPermanent) => refused.push({ name: name(post), isPermanent }),
    endOfSlice: () => undefined,
    posted: () => undefined,
    unread: () => undefined,
    touched: () => undefined,
  });
  const channel = (key: string, ...devices: readonly string[]) => {
    const members = devices.map((device) => mailboxes.mailbox(device));
    const mail = mailboxes.mail(key);
    return (device: string, sequence: number, bytes = 1): Post<Poster> => ({
      poster: { mailbox: mailboxes.mailbox(device), resumes: true, ended: false },
      mail,
      type: 5,
      channel: 7,
      sequence,
      payload: new Uint8Array(bytes),
      members,
      reply: undefined,
    });
  };
  return { log, mailboxes, office, acknowledged, refused, channel };
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

test('given letters that wait for a batch, when everybody asks whether all before is in the log, then only behind all of them', async () => {
  const { office, acknowledged, channel, mailboxes } = world();
  const post = channel('crowd', 'alice', ...crowd(400));
  for (let sequence = 1; sequence <= 300; sequence += 1) office.post(post('alice', sequence));
  const poster = { mailbox: mailboxes.mailbox('nobody'), resumes: false, ended: false };
  office.post({ ...post('alice', 0), poster, mail: undefined, members: [] });
  office.post(post('alice', 301));
  await office.drained();

  assert.deepEqual(acknowledged.slice(-2), ['nobody 0', 'alice 301']);
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
  log.cursed = 'mail-cursed';
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
    { name: 'mallory 1', isPermanent: true },
    { name: 'mallory 2', isPermanent: true },
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
  assert.deepEqual(refused, [{ name: 'mallory 1', isPermanent: true }]);
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
  const { log, mailboxes, office, channel } = world();
  const names = crowd(40);
  office.post(channel('crowd', 'alice', ...names)('alice', 1));
  await office.drained();
  await settle();
  const [stored = 0] = log.appends;
  const shares = (of: Mailboxes): number =>
    names.reduce((sum, name) => sum + of.mailbox(name).storedBytes, 0);
  assert.ok(shares(mailboxes) >= stored, `${shares(mailboxes)} of ${stored} bytes`);
  const again = new Mailboxes();
  await again.restore(log);
  assert.equal(shares(again), shares(mailboxes));
});
