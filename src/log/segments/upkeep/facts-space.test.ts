import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Scheduler } from '../../../../test/kit/scheduler.ts';
import { channel, mail, profile, user } from '../../../../test/kit/stream-names.ts';
import type { RecordedEvent, StreamName } from '../../event-log.ts';
import { verifyLog } from '../inspect.ts';
import { openSegmentLog } from '../open-segment-log.ts';
import type { SegmentLog } from '../segment-log.ts';

const HOUR_MS = 3_600_000;
const OPTIONS = { segmentSize: 4096 };

async function inDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'commucat-facts-'));
  try {
    await body(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const note = (log: SegmentLog, stream: StreamName, data = 'x'.repeat(100)) =>
  log.append([{ stream, expected: 'any', events: [{ type: 'noted', data: Buffer.from(data) }] }]);

async function read(events: AsyncIterable<RecordedEvent>): Promise<string[]> {
  const result: string[] = [];
  for await (const { position, stream, revision, data } of events) {
    result.push(`${position} ${stream} ${revision} ${Buffer.from(data).toString().slice(0, 8)}`);
  }
  return result;
}

/** Bytes of the segments of facts. */
async function sizeOf(directory: string): Promise<number> {
  const names = (await readdir(directory)).filter((name) => /^facts-.*seg$/.test(name));
  const sizes = await Promise.all(names.map((name) => stat(join(directory, name))));
  return sizes.reduce((sum, { size }) => sum + size, 0);
}

test('given streams that are over, when the log is maintained, then their space comes back, and everything else is read as before', () =>
  inDirectory(async (directory) => {
    const clock = new Scheduler();
    const log = await openSegmentLog({ directory, clock, ...OPTIONS });
    for (let i = 0; i < 200; i++) {
      await note(log, channel(`closed${i}`));
      await note(log, channel(`closed${i}`));
      if (i % 20 === 0) await note(log, channel('open'), `open ${i}`);
    }
    const before = await sizeOf(directory);
    log.retire((stream) => stream.startsWith(channel('closed')));
    await log.maintain();
    assert.equal(await sizeOf(directory), before, 'what is fresh is not touched');
    clock.sleep(HOUR_MS);
    const open = await read(log.readStream(channel('open')));
    await log.maintain();
    assert.ok((await sizeOf(directory)) < before / 4, `${before} -> ${await sizeOf(directory)} bytes`);
    assert.deepEqual(await read(log.readStream(channel('open'))), open);
    assert.equal((await note(log, channel('open')))[0]?.revision, 10);
    await log[Symbol.asyncDispose]();

    assert.deepEqual((await verifyLog(directory, { clock })).damage, []);
    const again = await openSegmentLog({ directory, clock, ...OPTIONS });
    assert.deepEqual((await read(again.readStream(channel('open')))).slice(0, 10), open);
    assert.deepEqual(await read(again.readStream(channel('closed3'))), []);
    await again[Symbol.asyncDispose]();
  }));

test('given a stream that is over and lies in several segments, when only a later one is mostly dead, then its end stays as long as its beginning does', () =>
  inDirectory(async (directory) => {
    const clock = new Scheduler();
    const log = await openSegmentLog({ directory, clock, ...OPTIONS });
    await note(log, channel('long'), 'opened');
    for (let i = 0; i < 60; i++) await note(log, user('kept'));
    await note(log, channel('long'), 'closed');
    for (let i = 0; i < 100; i++) await note(log, channel(`gone${i}`));
    log.retire((stream) => stream.startsWith(channel('')));
    clock.sleep(HOUR_MS);
    const before = await sizeOf(directory);
    await log.maintain();
    assert.ok((await sizeOf(directory)) < before);
    const left = await read(log.readStream(channel('long')));
    assert.deepEqual(
      left.map((line) => line.split(' ').at(-1)),
      ['opened', 'closed'],
    );
    await log[Symbol.asyncDispose]();
  }));

test('given events that somebody still has to see, when their stream is over, then they stay until then', () =>
  inDirectory(async (directory) => {
    const clock = new Scheduler();
    const log = await openSegmentLog({ directory, clock, ...OPTIONS });
    for (let i = 0; i < 100; i++) await note(log, channel(`${i}`));
    clock.sleep(HOUR_MS);
    let seen = 0;
    log.retire((_stream, position) => position < seen);
    await log.maintain();
    assert.equal((await read(log.readAll())).length, 100);
    seen = 90;
    await log.maintain();
    const left = await read(log.readAll());
    assert.ok(left.length < 60 && left.length >= 11, `${left.length} events`);
    await log[Symbol.asyncDispose]();
  }));

test('given a profile that has changed often, when the log is maintained, then the newest event is left, before and after a restart', () =>
  inDirectory(async (directory) => {
    const clock = new Scheduler();
    const log = await openSegmentLog({ directory, clock, ...OPTIONS });
    for (let i = 0; i < 200; i++) await note(log, profile('a'), `${i}`.padEnd(100));
    await note(log, user('a'));
    for (let i = 0; i < 30; i++) await note(log, user('b'));
    const before = await sizeOf(directory);
    await log.maintain();
    assert.ok((await sizeOf(directory)) < before / 3, `${before} -> ${await sizeOf(directory)} bytes`);
    const newest = await read(log.readStream(profile('a')));
    assert.deepEqual(newest.length, 1);
    await log[Symbol.asyncDispose]();
    const again = await openSegmentLog({ directory, clock, ...OPTIONS });
    assert.deepEqual(await read(again.readStream(profile('a'))), newest);
    assert.equal((await note(again, profile('a')))[0]?.revision, 200);
    await again[Symbol.asyncDispose]();
  }));

test('given mail of channels that are no more, when all of it is delivered and old, then the log forgets how far each went, and remembers it of the others', () =>
  inDirectory(async (directory) => {
    const clock = new Scheduler();
    const log = await openSegmentLog({ directory, clock, ...OPTIONS });
    const post = (stream: StreamName) =>
      log.append([
        { stream, expected: 'any', events: [{ type: 'mail.posted', data: Buffer.alloc(200, 1) }] },
      ]);
    for (let i = 0; i < 40; i++) {
      await post(mail(`over${i}`));
      await log.truncate(mail(`over${i}`), 1);
    }
    await post(mail('open'));
    await log.truncate(mail('open'), 1);
    log.retire((stream) => stream.startsWith(mail('over')));
    for (let round = 0; round < 3; round++) {
      // Streams carried on once more, and then a newer segment behind them.
      await log.maintain();
      clock.sleep(HOUR_MS);
      for (let i = 0; i < 30; i++) await post(mail('busy'));
      await log.truncate(mail('busy'), 30 * (round + 1));
    }
    await log.maintain();
    await log[Symbol.asyncDispose]();
    const again = await openSegmentLog({ directory, clock, ...OPTIONS });
    assert.equal((await again.streamState(mail('over3'))).lastRevision, -1);
    assert.equal((await again.streamState(mail('open'))).lastRevision, 0);
    assert.equal((await again.streamState(mail('busy'))).lastRevision, 89);
    await again[Symbol.asyncDispose]();
  }));
