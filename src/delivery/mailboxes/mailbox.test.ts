import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Letter, MailStream } from './letter.ts';
import { Mailbox, type StoredCounters } from './mailbox.ts';

const mail = new MailStream('k');
const letter = (revision: number, expiresAt = Number.POSITIVE_INFINITY): Letter => ({
  mail,
  revision,
  expiresAt,
  bytes: 10,
  waiting: 1,
});

const counters = (confirmed: number, next: number): StoredCounters => ({
  confirmed,
  next,
  missed: 0,
  expired: undefined,
});

function deliver(mailbox: Mailbox, durable: Letter): number {
  const number = mailbox.accept();
  mailbox.deliver(durable, 5, 7, new Uint8Array());
  return number;
}

function receive(mailbox: Mailbox, count: number): number[] {
  return Array.from({ length: count }, (_, index) => deliver(mailbox, letter(index)));
}

test('given a fresh mailbox, when letters arrive, then they are numbered from 1', () => {
  const mailbox = new Mailbox('a');
  assert.deepEqual(receive(mailbox, 3), [1, 2, 3]);
  assert.equal(mailbox.next, 4);
  assert.equal(mailbox.confirmed, 0);
});

test('given accepted letters, when the log refuses, then the next letter gets their numbers', () => {
  const mailbox = new Mailbox('a');
  assert.deepEqual([mailbox.accept(), mailbox.accept()], [1, 2]);
  mailbox.takeBack();
  assert.deepEqual(receive(mailbox, 1), [1]);
});

test('given three letters sent, when 2 is confirmed, then 1 and 2 are released and 2 again changes nothing', () => {
  const mailbox = new Mailbox('a');
  receive(mailbox, 3);
  mailbox.noteSent(3);
  const result = mailbox.confirm(2);
  assert.deepEqual(result.ok && result.letters.map(({ revision }) => revision), [0, 1]);
  assert.deepEqual(mailbox.confirm(2), { ok: true, letters: [] });
  assert.deepEqual(mailbox.confirm(1), { ok: true, letters: [] });
  assert.equal(mailbox.base, 3);
});

test('given a number that was never sent, when it is confirmed, then nothing changes', () => {
  const mailbox = new Mailbox('a');
  receive(mailbox, 3);
  mailbox.noteSent(2);
  assert.deepEqual(mailbox.confirm(3), { ok: false });
  assert.equal(mailbox.stored, 3);
});

test('given expired letters at the front, when they are dropped, then their numbers are not used again', () => {
  const mailbox = new Mailbox('a');
  deliver(mailbox, letter(0, 100));
  deliver(mailbox, letter(1, 300));
  assert.equal(mailbox.expire(200).length, 1);
  assert.equal(mailbox.base, 2);
  assert.equal(mailbox.confirmed, 0);
  assert.equal(mailbox.next, 3);
});

test('given a log with counters and later letters, when it is read, then numbering goes on behind both', () => {
  const mailbox = new Mailbox('a');
  assert.equal(mailbox.restoreLetter(5, letter(0)), true);
  assert.deepEqual(
    mailbox.restoreCounters(counters(5, 6)).map(({ revision }) => revision),
    [0],
  );
  assert.equal(mailbox.restoreLetter(6, letter(1)), true);
  assert.equal(mailbox.restoreLetter(5, letter(0)), false);
  assert.deepEqual([mailbox.confirmed, mailbox.next], [5, 7]);
});

test('given counters alone, when the log is read, then the next number is the stored one', () => {
  const mailbox = new Mailbox('a');
  mailbox.restoreCounters(counters(9, 10));
  assert.deepEqual(receive(mailbox, 1), [10]);
});

test('given numbers at the wrap, when letters arrive and are confirmed, then order holds across it', () => {
  const mailbox = new Mailbox('a');
  mailbox.restoreCounters(counters(0xffff_fffd, 0xffff_fffe));
  assert.deepEqual(receive(mailbox, 4), [0xffff_fffe, 0xffff_ffff, 0, 1]);
  mailbox.noteSent(1);
  const result = mailbox.confirm(0);
  assert.equal(result.ok && result.letters.length, 3);
  assert.equal(mailbox.base, 1);
});

test('given letters that are missing in the log, when later ones are read, then they leave holes', () => {
  const mailbox = new Mailbox('a');
  mailbox.restoreLetter(3, letter(0));
  mailbox.restoreLetter(6, letter(1));
  assert.equal(mailbox.letter(4), undefined);
  assert.equal(mailbox.letter(6)?.revision, 1);
  assert.equal(mailbox.next, 7);
});

test('given a mailbox in which nothing waits, when a new history skips numbers, then the device is as if it had them', () => {
  const mailbox = new Mailbox('a');
  mailbox.restoreCounters(counters(9, 10));
  mailbox.skip(1000);
  assert.deepEqual([mailbox.confirmed, mailbox.next, mailbox.since], [1009, 1010, 1010]);
  assert.deepEqual(receive(mailbox, 1), [1010]);
});

test('given letters that wait, when a new history skips numbers, then they keep theirs and new ones lie behind the gap', () => {
  const mailbox = new Mailbox('a');
  for (const number of [5, 6]) mailbox.restoreLetter(number, letter(number));
  mailbox.skip(2 ** 30);
  assert.deepEqual(receive(mailbox, 2), [7 + 2 ** 30, 8 + 2 ** 30]);
  assert.equal(mailbox.since, 7 + 2 ** 30);
  assert.equal(mailbox.letter(6)?.revision, 6);
  assert.equal(mailbox.letter(8 + 2 ** 30)?.revision, 1);
  assert.equal(mailbox.letter(7), undefined);
  assert.equal(mailbox.firstFrom(7), 7 + 2 ** 30);
  assert.deepEqual([mailbox.lettersThrough(6), mailbox.lettersThrough(7 + 2 ** 30)], [2, 3]);
  assert.deepEqual(mailbox.skippedBetween(5, 7 + 2 ** 30), [{ from: 7, to: 7 + 2 ** 30, skipped: true }]);
});

test('given a skipped number, when a device of another history confirms it, then it confirms what was before the gap', () => {
  const mailbox = new Mailbox('a');
  for (const number of [5, 6]) mailbox.restoreLetter(number, letter(number));
  mailbox.skip(1000);
  receive(mailbox, 1);
  const result = mailbox.confirm(mailbox.confirmedBy(40));
  assert.deepEqual(result.ok && result.letters.map(({ revision }) => revision), [5, 6]);
  assert.deepEqual([mailbox.base, mailbox.confirmed, mailbox.stored], [1007, 6, 1]);
  mailbox.noteSent(1007);
  assert.equal(mailbox.confirm(1007).ok, true);
  assert.deepEqual([mailbox.base, mailbox.next, mailbox.stored], [1008, 1008, 0]);
});

test('given a mailbox that a log does not know, when it is made with a first number, then numbering begins there', () => {
  const mailbox = new Mailbox('a', 0x9000_0001);
  assert.deepEqual([mailbox.confirmed, mailbox.next, mailbox.since], [0x9000_0000, 0x9000_0001, 0x9000_0001]);
  assert.deepEqual(receive(mailbox, 1), [0x9000_0001]);
});

test('given letters on both sides of a gap at the wrap, when they expire or are confirmed, then the gap goes with them', () => {
  const mailbox = new Mailbox('a');
  mailbox.restoreLetter(0xffff_fffe, letter(0, 100));
  mailbox.skip(2 ** 26);
  receive(mailbox, 2);
  const behind = 0xffff_ffff + 2 ** 26 - 2 ** 32;
  assert.equal(mailbox.expire(200).length, 1);
  assert.deepEqual([mailbox.base, mailbox.next], [behind, behind + 2]);
  mailbox.noteSent(behind);
  assert.equal(mailbox.confirm(behind).ok, true);
  assert.equal(mailbox.letter(behind + 1)?.revision, 1);
});

test('given letters that have expired, when counters and log are read again, then they do not come back', () => {
  const before = new Mailbox('a');
  receive(before, 2);
  before.noteSent(2);
  before.confirm(1);
  assert.equal(before.expired, undefined);
  deliver(before, letter(2, 100));
  before.confirm(2);
  deliver(before, letter(3));
  assert.equal(before.expire(200).length, 1);
  assert.equal(before.expired, 3);
  const after = new Mailbox('a');
  for (const [number, revision] of [
    [3, 2],
    [4, 3],
  ] as const) {
    after.restoreLetter(number, letter(revision));
  }
  const done = after.restoreCounters(before);
  assert.deepEqual(
    done.map(({ revision }) => revision),
    [2],
  );
  assert.deepEqual([after.base, after.next, after.confirmed], [4, 5, 2]);
});
