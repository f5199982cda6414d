import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { faultyDisk } from '../../../../test/kit/faulty-disk.ts';
import { Scheduler } from '../../../../test/kit/scheduler.ts';
import { channel, device, session, user } from '../../../../test/kit/stream-names.ts';
import { turns } from '../../../../test/kit/waiting.ts';
import type { StreamName } from '../../event-log.ts';
import { LogError } from '../../log-error.ts';
import { verifyLog } from '../inspect.ts';
import { openSegmentLog, type SegmentLogOptions } from '../open-segment-log.ts';
import type { SegmentLog } from '../segment-log.ts';

const clock = new Scheduler();
let root = '';
let number = 0;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'commucat-index-'));
});
after(() => rm(root, { recursive: true, force: true }));

async function newDirectory(): Promise<string> {
  number += 1;
  const directory = join(root, String(number));
  await mkdir(directory);
  return directory;
}

/** Opens a log and counts what it says of its index. */
async function opened(
  directory: string,
  options: Partial<SegmentLogOptions> = {},
): Promise<{ readonly log: SegmentLog; readonly rebuilt: Record<string, number> }> {
  const rebuilt: Record<string, number> = { missing: 0, damaged: 0 };
  const observer = {
    flushed: () => undefined,
    refused: () => undefined,
    indexRebuilt(reason: string) {
      rebuilt[reason] = (rebuilt[reason] ?? 0) + 1;
    },
  };
  return {
    log: await openSegmentLog({ directory, clock, segmentSize: 4096, observer, ...options }),
    rebuilt,
  };
}

const append = (log: SegmentLog, stream: StreamName, data: string) =>
  log.append([{ stream, expected: 'any', events: [{ type: 't', data: Buffer.from(data) }] }]);

const STREAMS = [user('a'), user('b'), device('c'), session('d'), session('e'), channel('f'), user('nobody')];

/** All that can be read by name: each stream from each revision, and each event alone. */
async function byName(log: SegmentLog): Promise<unknown[]> {
  const result: unknown[] = [];
  for (const stream of STREAMS) {
    const { lastRevision } = await log.streamState(stream);
    result.push([stream, lastRevision]);
    const refs = Array.from({ length: lastRevision + 1 }, (_, revision) => ({ stream, revision }));
    const found = await log.readEvents(refs);
    result.push(found.map((one) => (one === undefined ? undefined : Buffer.from(one.data).toString())));
    for (let fromRevision = 0; fromRevision <= lastRevision; fromRevision += 7) {
      for await (const event of log.readStream(stream, { fromRevision, limit: 9 })) {
        result.push([event.revision, Buffer.from(event.data).toString()]);
      }
    }
  }
  return result;
}

/** A closed log whose streams lie across several segments of facts and journal. */
async function logOfManySegments(salt = ''): Promise<{ directory: string; contents: unknown[] }> {
  const directory = await newDirectory();
  const { log } = await opened(directory);
  for (let i = 0; i < 150; i++) {
    await append(log, STREAMS[(i * i) % 6] ?? user('nobody'), `${i} ${salt}${'x'.repeat(i % 90)}`);
  }
  await log.truncate(user('b'), 3);
  for (let i = 0; i < 40; i++) await append(log, user('a'), `later ${i} ${'y'.repeat(60)}`);
  const contents = await byName(log);
  await log[Symbol.asyncDispose]();
  return { directory, contents };
}

const indexFiles = async (directory: string): Promise<string[]> =>
  (await readdir(directory)).filter((name) => name.endsWith('.idx')).sort();

test('given a log of many segments, when opened again, then its streams are found by the index files alone', async () => {
  const { directory, contents } = await logOfManySegments();
  const sealed = (await readdir(directory)).filter((name) => /^(facts|journal).*seg$/.test(name)).length - 2;
  assert.ok(sealed >= 4);
  assert.equal((await indexFiles(directory)).length, sealed);
  const { log, rebuilt } = await opened(directory);
  assert.deepEqual(await byName(log), contents);
  assert.deepEqual(rebuilt, { missing: 0, damaged: 0 });
  const [next] = await append(log, session('d'), 'next');
  assert.equal(
    next?.revision,
    ((
      contents[contents.findIndex((one) => Array.isArray(one) && one[0] === session('d'))] as number[]
    )[1] as number) + 1,
  );
  await log[Symbol.asyncDispose]();
});

test('given index files that are missing, foreign, cut or garbage, when opened, then all is found, said, and mended', async () => {
  const { directory, contents } = await logOfManySegments();
  const other = await logOfManySegments('other');
  const [first = '', second = ''] = await indexFiles(directory);
  const whole = await readFile(join(directory, first));
  const spoiled: readonly (readonly [string, 'missing' | 'damaged', () => Promise<void>])[] = [
    ['missing', 'missing', () => rm(join(directory, first))],
    ['empty', 'damaged', () => writeFile(join(directory, first), '')],
    ['cut', 'damaged', () => writeFile(join(directory, first), whole.subarray(0, -1))],
    ['garbage', 'damaged', () => writeFile(join(directory, first), Buffer.alloc(20_480, 'Z'))],
    ['of the next segment', 'damaged', () => copyFile(join(directory, second), join(directory, first))],
    ['of another log', 'damaged', () => copyFile(join(other.directory, first), join(directory, first))],
  ];
  for (const [name, reason, spoil] of spoiled) {
    await spoil();
    const { log, rebuilt } = await opened(directory);
    assert.deepEqual(await byName(log), contents, name);
    assert.equal(rebuilt[reason], 1, name);
    await log[Symbol.asyncDispose]();
    const again = await opened(directory);
    assert.deepEqual(again.rebuilt, { missing: 0, damaged: 0 }, `${name}: mended`);
    await again.log[Symbol.asyncDispose]();
  }
});

test('given any byte of an index file flipped, when opened, then nothing wrong is read', async () => {
  const { directory, contents } = await logOfManySegments();
  const [first = ''] = await indexFiles(directory);
  const path = join(directory, first);
  const whole = await readFile(path);
  for (let at = 0; at < whole.length; at += 37) {
    const flipped = Buffer.from(whole);
    flipped[at] = (flipped[at] ?? 0) ^ 0xff;
    await writeFile(path, flipped);
    const { log, rebuilt } = await opened(directory);
    assert.equal(rebuilt.damaged, 1, `byte ${at}`);
    if (at % 5 === 0) assert.deepEqual(await byName(log), contents, `byte ${at}`);
    await log[Symbol.asyncDispose]();
  }
});

test('given an index file that changes under a running server, when a stream is looked up, then it is refused for a moment and found again', async () => {
  const { directory, contents } = await logOfManySegments();
  const { log, rebuilt } = await opened(directory);
  for (const name of await indexFiles(directory)) {
    const bytes = await readFile(join(directory, name));
    await writeFile(join(directory, name), bytes.fill(0xa5, 80));
  }
  let refused = 0;
  for (;;) {
    try {
      assert.deepEqual(await byName(log), contents);
      break;
    } catch (error) {
      assert.ok(
        error instanceof LogError && error.code === 'LOG_UNAVAILABLE' && error.retryable,
        String(error),
      );
      refused += 1;
      await turns();
    }
  }
  assert.ok(refused > 0 && (rebuilt.damaged ?? 0) > 0);
  await log[Symbol.asyncDispose]();
});

test('given the index of an older version, garbage or not, when opened, then it is removed unread', async () => {
  const { directory, contents } = await logOfManySegments();
  await mkdir(join(directory, 'index'));
  await writeFile(join(directory, 'index', 'data.mdb'), Buffer.alloc(20_480, 'Z'));
  for (const name of await indexFiles(directory)) await rm(join(directory, name));
  const { log, rebuilt } = await opened(directory);
  assert.deepEqual(await byName(log), contents);
  assert.ok((rebuilt.missing ?? 0) >= 4);
  assert.ok(!(await readdir(directory)).includes('index'));
  await log[Symbol.asyncDispose]();
});

test('given segments of facts that are compacted, once and again, when read and opened again, then the index follows them', async () => {
  const { directory } = await logOfManySegments();
  for (const [stream, before] of [
    [user('a'), 40],
    [channel('f'), 6],
    [user('b'), 10],
    [user('a'), 60],
  ] as const) {
    const { log } = await opened(directory);
    await log.truncate(stream, before);
    const contents = await byName(log);
    const sizes = await factsBytes(directory);
    await log.maintain();
    assert.deepEqual(await byName(log), contents);
    await log[Symbol.asyncDispose]();
    const again = await opened(directory);
    assert.deepEqual(again.rebuilt, { missing: 0, damaged: 0 });
    assert.deepEqual(await byName(again.log), contents);
    await again.log[Symbol.asyncDispose]();
    if (before === 60) assert.ok((await factsBytes(directory)) < sizes, 'something was compacted');
  }
  assert.deepEqual((await verifyLog(directory, { clock })).damage, []);
});

/** Bytes of the files of all facts. */
async function factsBytes(directory: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(directory)) {
    if (/^facts.*seg$/.test(name)) bytes += (await readFile(join(directory, name))).length;
  }
  return bytes;
}

test('given a disk that refuses any one change, when the log goes on, then all that it acknowledged is there and the index too', async () => {
  let refusals = 0;
  for (let change = 0; ; change++) {
    const { disk, faults } = faultyDisk();
    const directory = await newDirectory();
    const { log } = await opened(directory, { disk });
    faults.refusedChange = change;
    const acknowledged: string[] = [];
    let asked = 0;
    for (let i = 0; i < 20; i++) {
      const stream = STREAMS[i % 6] ?? user('nobody');
      asked += 1;
      try {
        const [appended] = await append(log, stream, `${i} ${'x'.repeat(900)}`);
        acknowledged.push(`${stream} ${appended?.revision} ${i}`);
      } catch (error) {
        assert.ok(error instanceof LogError && error.code === 'LOG_UNAVAILABLE', String(error));
      }
    }
    const wasRefused = faults.refusedChange === undefined;
    if (wasRefused) refusals += 1;
    assert.ok(acknowledged.length >= asked - 1);
    await log[Symbol.asyncDispose]();
    assert.deepEqual((await verifyLog(directory, { clock })).damage, []);
    const again = await opened(directory);
    const found: string[] = [];
    for (const stream of STREAMS) {
      for await (const event of again.log.readStream(stream)) {
        found.push(`${stream} ${event.revision} ${Buffer.from(event.data).toString().split(' ')[0]}`);
      }
    }
    assert.deepEqual(found.sort(), acknowledged.sort(), `change ${change}`);
    await again.log[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
    if (!wasRefused) break;
  }
  assert.ok(refusals > 30, `${refusals} changes`);
});
