import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Scheduler } from '../../../../test/kit/scheduler.ts';
import { inbox, mail, session } from '../../../../test/kit/stream-names.ts';
import { comesAbout, within } from '../../../../test/kit/waiting.ts';
import type { RecordedEvent, StreamName } from '../../event-log.ts';
import { verifyLog } from '../inspect.ts';
import { openSegmentLog } from '../open-segment-log.ts';
import type { SegmentLog } from '../segment-log.ts';

async function inDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'commucat-space-'));
  try {
    await body(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const post = (log: SegmentLog, stream: StreamName, size = 200) =>
  log.append([{ stream, expected: 'any', events: [{ type: 'mail.posted', data: Buffer.alloc(size, 1) }] }]);

async function places(events: AsyncIterable<RecordedEvent>): Promise<string[]> {
  const result: string[] = [];
  for await (const one of events) {
    result.push(`${one.position} ${one.stream} ${one.revision} ${one.recordedAt}`);
  }
  return result;
}

const mailFiles = async (directory: string): Promise<string[]> =>
  (await readdir(directory)).filter((name) => /^mail-.*seg$/.test(name)).sort();

test('given delivered mail, when maintained, then its segments go, revisions stay, and the chain holds', () =>
  inDirectory(async (directory) => {
    const clock = new Scheduler();
    const log = await openSegmentLog({ directory, clock, segmentSize: 4096 });
    for (let i = 0; i < 100; i++) await post(log, i < 50 ? mail('a') : mail('b'));
    const before = await mailFiles(directory);
    await log.truncate(mail('a'), 50);
    await log.truncate(mail('b'), 45);
    await log.maintain();
    const after = await mailFiles(directory);
    assert.ok(after.length <= 3 && before.length > 6, `${before.length} -> ${after.length}`);
    const left = await places(log.readAll());
    assert.equal(left.length, 5);
    await log[Symbol.asyncDispose]();
    assert.deepEqual((await verifyLog(directory, { clock })).damage, []);
    const again = await openSegmentLog({ directory, clock, segmentSize: 4096 });
    assert.equal((await again.streamState(mail('a'))).lastRevision, 49);
    assert.deepEqual(await places(again.readStream(mail('a'))), []);
    assert.equal((await post(again, mail('a')))[0]?.revision, 50);
    for (const one of left) assert.ok((await places(again.readAll())).includes(one));
    await again[Symbol.asyncDispose]();
  }));

test('given a few letters in old segments, when maintained, then these are compacted and read as before', () =>
  inDirectory(async (directory) => {
    const clock = new Scheduler();
    const log = await openSegmentLog({ directory, clock, segmentSize: 4096 });
    for (let i = 0; i < 120; i++) {
      clock.sleep(1);
      await log.append([
        {
          stream: i % 10 === 7 ? mail('slow') : mail('fast'),
          expected: 'any',
          events: [{ type: 'mail.posted', data: Buffer.alloc(200, i) }],
        },
        { stream: inbox('a'), expected: 'any', events: [{ type: 'inbox.advanced', data: Buffer.from([i]) }] },
      ]);
    }
    await log.truncate(mail('fast'), 100);
    const expected = await places(log.readStream(mail('slow')));
    const all = await places(log.readAll());
    const [oldest] = await mailFiles(directory);
    const size = (await stat(join(directory, oldest ?? ''))).size;
    await log.maintain();
    const files = await mailFiles(directory);
    const sizes = await Promise.all(files.map(async (name) => (await stat(join(directory, name))).size));
    assert.ok(sizes.filter((one) => one < size / 2).length > 3, sizes.join());
    assert.deepEqual(await places(log.readStream(mail('slow'))), expected);
    assert.deepEqual(await places(log.readAll()), all);
    const read = await log.readEvents([{ stream: mail('slow'), revision: 3 }]);
    assert.equal(read[0]?.data[0], 37);
    await log.maintain();
    await log[Symbol.asyncDispose]();
    assert.deepEqual((await verifyLog(directory, { clock })).damage, []);
    const again = await openSegmentLog({ directory, clock, segmentSize: 4096 });
    assert.deepEqual(await places(again.readStream(mail('slow'))), expected);
    await again.truncate(mail('slow'), 12);
    await again.truncate(mail('fast'), 108);
    await again.maintain();
    assert.ok((await mailFiles(directory)).length <= 2);
    assert.equal((await again.streamState(mail('slow'))).lastRevision, 11);
    await again[Symbol.asyncDispose]();
    assert.deepEqual((await verifyLog(directory, { clock })).damage, []);
  }));

test('given a journal, when its events are too old, then its segments go', () =>
  inDirectory(async (directory) => {
    const clock = new Scheduler();
    const log = await openSegmentLog({ directory, clock, segmentSize: 4096 });
    for (let i = 0; i < 40; i++) await post(log, session(`${i}`));
    clock.sleep(91 * 86_400_000);
    await post(log, session('new'));
    // The next segment tells that nothing in the old one is younger, so the one before the newest may stay.
    await log.maintain();
    const journal = (await readdir(directory)).filter((name) => /^journal-.*seg$/.test(name));
    assert.ok(journal.length <= 2);
    assert.equal((await places(log.readAll())).length, 1);
    await log[Symbol.asyncDispose]();
    assert.deepEqual((await verifyLog(directory, { clock })).damage, []);
    const again = await openSegmentLog({ directory, clock, segmentSize: 4096 });
    assert.equal((await places(again.readAll())).length, 1);
    await again[Symbol.asyncDispose]();
  }));

test('given letters that are delivered all the time, when some of it is space, then it is given back within seconds all the same', () =>
  inDirectory(async (directory) => {
    const clock = new Scheduler();
    const log = await openSegmentLog({ directory, clock, segmentSize: 4096 });
    for (let i = 0; i < 100; i++) await post(log, mail('a'));
    const before = await mailFiles(directory);
    // Something dies twice a second, for three seconds.
    for (let i = 1; i <= 6; i++) {
      await log.truncate(mail('a'), 90 + i);
      clock.sleep(500);
    }
    // The timer has fired or never will: the regular look is a minute away.
    let after = before;
    await comesAbout(async () => {
      after = await mailFiles(directory);
      return after.length <= 3;
    }, within(10_000));
    await log[Symbol.asyncDispose]();
    assert.ok(before.length > 6 && after.length <= 3, `${before.length} -> ${after.length}`);
  }));
