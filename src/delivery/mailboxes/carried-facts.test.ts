import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scheduler } from '../../../test/kit/scheduler.ts';
import { STREAMS } from '../../events/streams.ts';
import type { StreamAppend } from '../../log/event-log.ts';
import { LogError } from '../../log/log-error.ts';
import { MemoryLog } from '../../log/memory/memory-log.ts';
import { CarriedFacts } from './carried-facts.ts';
import { type Letter, MailStream } from './letter.ts';

const STREAM = STREAMS.group.stream('g');

function factBehind(revision: number): StreamAppend {
  const expected = revision < 0 ? 'no-stream' : revision;
  return {
    stream: STREAM,
    expected,
    events: [{ type: 'group.ended', data: new Uint8Array([revision + 1]) }],
  };
}

function letter(): Letter {
  return { mail: new MailStream('k'), revision: 0, bytes: 1, expiresAt: 1, waiting: 0 };
}

function world() {
  const clock = new Scheduler();
  const log = new MemoryLog(clock);
  const released: MailStream[] = [];
  const failures: unknown[] = [];
  const facts = new CarriedFacts({
    log,
    clock,
    interval: 500,
    released: (mail) => released.push(mail),
    failed: (error) => failures.push(error),
  });
  const revision = async () => (await log.streamState(STREAM)).lastRevision;
  return { clock, log, released, failures, facts, revision };
}

test('given a letter with a fact, when it is durable, then the fact gets into its stream, and only then the letter may go', async () => {
  const { released, facts, revision } = world();
  const carrying = letter();
  facts.carry({ letter: carrying, fact: factBehind(-1) });
  assert.equal(carrying.waiting, 1);
  await facts.settled(STREAM);
  assert.equal(await revision(), 0);
  assert.deepEqual([carrying.waiting, released], [0, [carrying.mail]]);
  assert.equal(facts.settled(STREAM), undefined);
});

test('given a log that refuses the fact, when somebody decides about the stream, then it is told, and later the fact is there', async () => {
  const { clock, log, released, facts, revision } = world();
  log.failing = new LogError('LOG_UNAVAILABLE', 'full', { retryable: true });
  const carrying = letter();
  facts.carry({ letter: carrying, fact: factBehind(-1) });
  await assert.rejects(async () => facts.settled(STREAM), { code: 'LOG_UNAVAILABLE' });
  await clock.advance(600);
  assert.deepEqual([carrying.waiting, released], [1, []]);
  log.failing = undefined;
  await clock.advance(600);
  await clock.settle();
  assert.equal(await revision(), 0);
  assert.deepEqual([carrying.waiting, released], [0, [carrying.mail]]);
});

test('given letters of an earlier run, when their facts are restored, then what is in its stream already is not written again', async () => {
  const { log, facts, revision } = world();
  await log.append([factBehind(-1)]);
  const carried = [-1, 0].map((before) => ({ letter: letter(), fact: factBehind(before) }));
  assert.deepEqual((await facts.restore(carried)).owed, []);
  assert.equal(await revision(), 1);
  const again = carried.map(({ fact }) => ({ letter: letter(), fact }));
  assert.deepEqual(await facts.restore(again), { found: [], owed: [] });
  assert.equal(await revision(), 1);
  assert.deepEqual(
    again.map(({ letter: { waiting } }) => waiting),
    [0, 0],
  );
});

test('given a disk that is full at the start, when facts are restored, then they are named, and the stop tries once more', async () => {
  const { log, facts, revision } = world();
  log.failing = new LogError('LOG_UNAVAILABLE', 'full', { retryable: true });
  const fact = factBehind(-1);
  assert.deepEqual(await facts.restore([{ letter: letter(), fact }]), { found: [fact], owed: [fact] });
  log.failing = undefined;
  await facts[Symbol.asyncDispose]();
  assert.equal(await revision(), 0);
});

test('given a stream that is not what it was, when a fact is brought there, then that is reported and the letter may go', async () => {
  const { log, released, failures, facts, revision } = world();
  await log.append([factBehind(-1)]);
  await log.append([factBehind(0)]);
  const carrying = letter();
  facts.carry({ letter: carrying, fact: factBehind(0) });
  await facts.settled(STREAM);
  assert.equal(await revision(), 1);
  assert.deepEqual(
    failures.map((error) => error instanceof LogError && error.code),
    ['LOG_WRONG_REVISION'],
  );
  assert.deepEqual(released, [carrying.mail]);
});
