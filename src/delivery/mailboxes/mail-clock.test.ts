import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scheduler } from '../../../test/kit/scheduler.ts';
import { MailClock } from './mail-clock.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

test('given a running server, when its date jumps, then no time has passed', async () => {
  const clock = new Scheduler();
  const mail = new MailClock(clock, DAY);
  mail.start();
  clock.jump(40 * DAY);
  assert.equal(mail.now(), 0);
  await clock.advance(HOUR);
  clock.jump(-80 * DAY);
  assert.equal(mail.now(), HOUR);
});

test('given a log, when it is read, then the time between its events counts, jumps for a quarter of a life, steps back for nothing', () => {
  const clock = new Scheduler();
  const mail = new MailClock(clock, DAY);
  const date = clock.now() - 2 * HOUR;
  for (const recordedAt of [date, date + HOUR, date + 40 * DAY, date + HOUR, date + HOUR]) {
    mail.observe(recordedAt);
  }
  assert.equal(mail.now(), HOUR + DAY / 4);
  mail.start();
  assert.equal(mail.now(), HOUR + DAY / 4 + HOUR);
});

test('given an empty log, when the server starts, then its time begins', async () => {
  const clock = new Scheduler();
  const mail = new MailClock(clock, DAY);
  mail.start();
  await clock.advance(5);
  assert.equal(mail.now(), 5);
});
