import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BatchWalk, type WalkEvents } from './batch-walk.ts';
import { LetterAppends, type StoredLetters } from './letter-appends.ts';
import { MailStream } from './mailboxes/letter.ts';
import { Mailbox } from './mailboxes/mailbox.ts';
import { NameCache } from './name-cache.ts';
import type { Post, Poster } from './post.ts';

const EXPIRES = 1_000;

interface Offered {
  readonly device: string;
  readonly number: number;
  readonly sequence: number;
}

/** Mailboxes with live outboxes that write down what they are offered. */
function world(devices: number) {
  const offered: Offered[] = [];
  const acknowledged: number[] = [];
  const stored: (number | undefined)[] = [];
  const carried: string[] = [];
  const unread: MailStream[] = [];
  const touched: Mailbox[] = [];
  const members = Array.from({ length: devices }, (_, index) => {
    const mailbox = new Mailbox(`device-${index}`);
    mailbox.attach({
      unconfirmed: 0,
      plaintext: false,
      offer: (_letter, number, _type, _channel, payload) =>
        offered.push({ device: mailbox.device, number, sequence: payload[0] ?? 0 }),
      sendLive: () => true,
    });
    return mailbox;
  });
  const events: WalkEvents<Poster> = {
    acknowledge: ({ sequence }, count) => {
      acknowledged.push(sequence);
      stored.push(count);
    },
    carried: ({ fact }) => carried.push(fact.stream),
    unread: (mail) => unread.push(mail),
    touched: (mailbox) => touched.push(mailbox),
  };
  return { members, offered, acknowledged, stored, carried, unread, touched, events };
}

function post(
  mailbox: Mailbox,
  members: readonly Mailbox[],
  mail: MailStream | undefined,
  sequence: number,
  resumes = false,
): Post<Poster> {
  const poster: Poster = { mailbox, resumes };
  const payload = Uint8Array.of(sequence);
  const plain = { missing: 0, refused: [], fact: undefined, reply: undefined, settled: undefined };
  return { poster, mail, type: 5, channel: 7, sequence, payload, members, ...plain };
}

/** Letters of 60 bytes each at these revisions. */
function at(...revisions: readonly number[]): StoredLetters {
  return { revisions, bytes: revisions.map(() => 60) };
}

/** Numbers the letters as the office does, and walks them. */
function walkOf(
  posts: readonly Post<Poster>[],
  stored: StoredLetters,
  expiresAt: number,
  events: WalkEvents<Poster>,
): BatchWalk<Poster> {
  new LetterAppends(new NameCache()).addAll(posts, expiresAt);
  return new BatchWalk(posts, stored, expiresAt, events);
}

function memberAt(members: readonly Mailbox[], index: number): Mailbox {
  const member = members[index];
  assert.ok(member);
  return member;
}

test('given letters of one channel, when they are walked, then all but the sender get each in order', () => {
  const { members, offered, acknowledged, events } = world(3);
  const mail = new MailStream('a');
  const [first, second] = [memberAt(members, 0), memberAt(members, 1)];
  const posts = [
    post(first, members, mail, 1),
    post(first, members, mail, 2),
    post(second, members, mail, 3),
  ];
  const walk = walkOf(posts, at(10, 11, 12), EXPIRES, events);

  assert.equal(walk.step(), true);

  assert.deepEqual(offered, [
    { device: 'device-0', number: 1, sequence: 3 },
    { device: 'device-1', number: 1, sequence: 1 },
    { device: 'device-1', number: 2, sequence: 2 },
    { device: 'device-2', number: 1, sequence: 1 },
    { device: 'device-2', number: 2, sequence: 2 },
    { device: 'device-2', number: 3, sequence: 3 },
  ]);
  assert.deepEqual(acknowledged, [1, 2, 3]);
  assert.deepEqual([walk.letters, walk.served], [3, 6]);
  assert.equal(mail.letters.at(2)?.revision, 12);
  assert.equal(mail.letters.at(0)?.waiting, 2);
});

test('given more recipients than a slice has, when it is walked, then in slices, and the acknowledgement comes last', () => {
  const { members, offered, acknowledged, events } = world(5_000);
  const sender = memberAt(members, 0);
  const mail = new MailStream('a');
  const walk = walkOf(
    [post(sender, members, mail, 1), post(sender, members, mail, 2)],
    at(0, 1),
    EXPIRES,
    events,
  );

  let slices = 0;
  for (let isThrough = false; !isThrough; slices += 1) {
    assert.deepEqual(acknowledged, []);
    isThrough = walk.step();
  }

  assert.ok(slices > 1, `${slices} slices`);
  assert.equal(offered.length, 2 * 4_999);
  for (let at = 0; at < offered.length; at += 2) {
    // Both letters of a member in one slice, one behind the other: they leave in one write.
    assert.deepEqual([offered[at]?.sequence, offered[at + 1]?.sequence], [1, 2]);
    assert.equal(offered[at]?.device, offered[at + 1]?.device);
  }
  assert.deepEqual(acknowledged, [1, 2]);
});

test('given letters of two channels in turns, when they are walked, then a member of both sees them in log order', () => {
  const { members, offered, events } = world(2);
  const [sender, other] = [memberAt(members, 0), memberAt(members, 1)];
  const [a, b] = [new MailStream('a'), new MailStream('b')];
  const pair = [sender, other];
  const posts = [post(sender, members, a, 1), post(sender, pair, b, 2), post(sender, members, a, 3)];

  walkOf(posts, at(0, 0, 1), EXPIRES, events).step();

  assert.deepEqual(
    offered.map(({ device, number, sequence }) => [device, number, sequence]),
    [
      ['device-1', 1, 1],
      ['device-1', 2, 2],
      ['device-1', 3, 3],
    ],
  );
});

test('given a letter for nobody and a repetition, when they are walked, then both are acknowledged and the space is noted', () => {
  const { members, offered, acknowledged, stored, unread, touched, events } = world(1);
  const sender = memberAt(members, 0);
  const mail = new MailStream('a');
  const posts = [post(sender, [sender], mail, 4, true), post(sender, [], undefined, 4, true)];

  const walk = walkOf(posts, at(0), EXPIRES, events);

  assert.equal(walk.step(), true);
  assert.deepEqual(offered, []);
  assert.deepEqual(acknowledged, [4, 4]);
  assert.deepEqual(stored, [0, undefined]);
  assert.deepEqual(unread, [mail]);
  assert.deepEqual(touched, [sender]);
  assert.equal(sender.lane.received, 4);
});

test('given a sender that has left the channel, when its letter is walked, then every member waits for it', () => {
  const { members, events } = world(2);
  const mail = new MailStream('a');

  walkOf([post(new Mailbox('gone'), members, mail, 1)], at(0), EXPIRES, events).step();

  assert.equal(mail.letters.at(0)?.waiting, 2);
});
