import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BatchWalk, type WalkParts } from './batch-walk.ts';
import { LetterAppends, type StoredLetters } from './letter-appends.ts';
import { MailStream } from './mailboxes/letter.ts';
import { Mailbox } from './mailboxes/mailbox.ts';
import { NameCache } from './name-cache.ts';
import type { Post } from './post.ts';

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
  const stored: number[] = [];
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
  const parts: WalkParts = {
    facts: { carry: ({ fact }) => void carried.push(fact.stream) },
    cursors: { unread: (mail) => void unread.push(mail), touched: (mailbox) => void touched.push(mailbox) },
  };
  const post = (
    mailbox: Mailbox,
    to: readonly Mailbox[],
    mail: MailStream,
    sequence: number,
    resumes = false,
  ): Post => {
    const posted = (one: Post, count: number): void => {
      acknowledged.push(one.sequence);
      stored.push(count);
    };
    const poster = { mailbox, resumes, posted, refused: () => assert.fail() };
    const frame = { type: 5, channel: 7, sequence, payload: Uint8Array.of(sequence) };
    return { poster, mail, ...frame, members: to, missing: 0, refused: [], fact: undefined };
  };
  return { members, offered, acknowledged, stored, carried, unread, touched, parts, post };
}

/** Letters of 60 bytes each at these revisions. */
function at(...revisions: readonly number[]): StoredLetters {
  return { revisions, bytes: revisions.map(() => 60) };
}

/** Numbers the letters as the office does, and walks them. */
function walkOf(
  posts: readonly Post[],
  stored: StoredLetters,
  expiresAt: number,
  parts: WalkParts,
): BatchWalk {
  for (const { poster } of posts) poster.mailbox.lane.enter();
  new LetterAppends(new NameCache()).addAll(posts, expiresAt);
  return new BatchWalk(posts, stored, expiresAt, parts);
}

function memberAt(members: readonly Mailbox[], index: number): Mailbox {
  const member = members[index];
  assert.ok(member);
  return member;
}

test('given letters of one channel, when they are walked, then all but the sender get each in order', () => {
  const { members, offered, acknowledged, parts, post } = world(3);
  const mail = new MailStream('a');
  const [first, second] = [memberAt(members, 0), memberAt(members, 1)];
  const posts = [
    post(first, members, mail, 1),
    post(first, members, mail, 2),
    post(second, members, mail, 3),
  ];
  const walk = walkOf(posts, at(10, 11, 12), EXPIRES, parts);

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
  const { members, offered, acknowledged, parts, post } = world(5_000);
  const sender = memberAt(members, 0);
  const mail = new MailStream('a');
  const walk = walkOf(
    [post(sender, members, mail, 1), post(sender, members, mail, 2)],
    at(0, 1),
    EXPIRES,
    parts,
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
  const { members, offered, parts, post } = world(2);
  const [sender, other] = [memberAt(members, 0), memberAt(members, 1)];
  const [a, b] = [new MailStream('a'), new MailStream('b')];
  const pair = [sender, other];
  const posts = [post(sender, members, a, 1), post(sender, pair, b, 2), post(sender, members, a, 3)];

  walkOf(posts, at(0, 0, 1), EXPIRES, parts).step();

  assert.deepEqual(
    offered.map(({ device, number, sequence }) => [device, number, sequence]),
    [
      ['device-1', 1, 1],
      ['device-1', 2, 2],
      ['device-1', 3, 3],
    ],
  );
});

test('given a letter for nobody, when it is walked, then it is acknowledged and the space is noted', () => {
  const { members, offered, acknowledged, stored, unread, touched, parts, post } = world(1);
  const sender = memberAt(members, 0);
  const mail = new MailStream('a');
  const walk = walkOf([post(sender, [sender], mail, 4, true)], at(0), EXPIRES, parts);

  assert.equal(walk.step(), true);
  assert.deepEqual(offered, []);
  assert.deepEqual(acknowledged, [4]);
  assert.deepEqual(stored, [0]);
  assert.deepEqual(unread, [mail]);
  assert.deepEqual(touched, [sender]);
  assert.equal(sender.lane.received, 4);
});

test('given a sender that has left the channel, when its letter is walked, then every member waits for it', () => {
  const { members, parts, post } = world(2);
  const mail = new MailStream('a');

  walkOf([post(new Mailbox('gone'), members, mail, 1)], at(0), EXPIRES, parts).step();

  assert.equal(mail.letters.at(0)?.waiting, 2);
});
