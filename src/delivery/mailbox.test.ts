import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Letter, MailStream } from './letter.ts';
import { Mailbox } from './mailbox.ts';

const mail = new MailStream('k');
const letter = (revision: number, expiresAt = Number.POSITIVE_INFINITY): Letter => ({
  mail,
  revision,
  expiresAt,
  bytes: 10,
  waiting: 1,
});

function receive(mailbox: Mailbox, count: number): number[] {
  const numbers: number[] = [];
  for (let index = 0; index < count; index += 1) {
    mailbox.reserve();
    numbers.push(mailbox.push(letter(index)));
  }
  return numbers;
}

test('given a fresh mailbox, when letters arrive, then they are numbered from 1', () => {
  const mailbox = new Mailbox('a');
  assert.deepEqual(receive(mailbox, 3), [1, 2, 3]);
  assert.equal(mailbox.next, 4);
  assert.equal(mailbox.confirmed, 0);
});

test('given reserved numbers, when the log refuses, then the next letter gets them', () => {
  const mailbox = new Mailbox('a');
  assert.deepEqual([mailbox.reserve(), mailbox.reserve()], [1, 2]);
  mailbox.releaseReserved();
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
  mailbox.reserve();
  mailbox.push(letter(0, 100));
  mailbox.reserve();
  mailbox.push(letter(1, 300));
  assert.equal(mailbox.expire(200).length, 1);
  assert.equal(mailbox.base, 2);
  assert.equal(mailbox.confirmed, 0);
  assert.equal(mailbox.next, 3);
});

test('given a log with counters and later letters, when it is read, then numbering goes on behind both', () => {
  const mailbox = new Mailbox('a');
  assert.equal(mailbox.restoreLetter(5, letter(0)), true);
  assert.deepEqual(
    mailbox.restoreCounters(5, 6, 17).map(({ revision }) => revision),
    [0],
  );
  assert.equal(mailbox.restoreLetter(6, letter(1)), true);
  assert.equal(mailbox.restoreLetter(5, letter(0)), false);
  assert.deepEqual([mailbox.confirmed, mailbox.next, mailbox.received], [5, 7, 17]);
});

test('given counters alone, when the log is read, then the next number is the stored one', () => {
  const mailbox = new Mailbox('a');
  mailbox.restoreCounters(9, 10, 0);
  assert.deepEqual(receive(mailbox, 1), [10]);
});

test('given numbers at the wrap, when letters arrive and are confirmed, then order holds across it', () => {
  const mailbox = new Mailbox('a');
  mailbox.restoreCounters(0xffff_fffd, 0xffff_fffe, 0);
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

test('given the sequence 0 behind a wrap, when the counters are stored and restored, then it is not taken for none', () => {
  const before = new Mailbox('a');
  before.restoreReceived(0xffff_ffff);
  before.restoreReceived(0);
  const after = new Mailbox('a');
  after.restoreCounters(0, 1, before.receivedToStore);
  assert.equal(after.received, 0);
  const fresh = new Mailbox('b');
  fresh.restoreCounters(0, 1, new Mailbox('b').receivedToStore);
  assert.equal(fresh.received, undefined);
});
