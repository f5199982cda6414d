import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { faultyDisk } from '../../../test/kit/faulty-disk.ts';
import { Scheduler } from '../../../test/kit/scheduler.ts';
import { mail, user } from '../../../test/kit/stream-names.ts';
import type { RecordedEvent, StreamName } from '../event-log.ts';
import { LogError } from '../log-error.ts';
import { verifyLog } from './inspect.ts';
import { openSegmentLog, type SegmentLogOptions } from './open-segment-log.ts';
import type { SegmentLog } from './segment-log.ts';

const clock = new Scheduler();
let root = '';
let number = 0;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'commucat-damage-'));
});
after(() => rm(root, { recursive: true, force: true }));

async function directoryWith(files: ReadonlyMap<string, Buffer>): Promise<string> {
  number += 1;
  const directory = join(root, String(number));
  await mkdir(directory);
  for (const [name, bytes] of files) await writeFile(join(directory, name), bytes);
  return directory;
}

const opened = (directory: string, options: Partial<SegmentLogOptions> = {}): Promise<SegmentLog> =>
  openSegmentLog({ directory, clock, segmentSize: 4096, ...options });

const append = (log: SegmentLog, stream: StreamName, data: string) =>
  log.append([{ stream, expected: 'any', events: [{ type: 't', data: Buffer.from(data) }] }]);

async function contents(log: SegmentLog): Promise<string[]> {
  const result: string[] = [];
  const show = (event: RecordedEvent): string =>
    `${event.position} ${event.stream} ${event.revision} ${Buffer.from(event.data).toString('latin1')}`;
  for await (const event of log.readAll()) result.push(show(event));
  return result;
}

/** A closed log of a few batches: its segment files, cut to what was written, and all that it holds. */
async function smallLog(batches: number): Promise<{ files: Map<string, Buffer>; events: string[] }> {
  const directory = await directoryWith(new Map());
  const log = await opened(directory);
  for (let i = 0; i < batches; i++) await append(log, i % 2 ? mail('b') : mail('a'), `letter ${i}`);
  const events = await contents(log);
  await log[Symbol.asyncDispose]();
  const files = new Map<string, Buffer>();
  for (const name of await readdir(directory)) {
    if (!name.endsWith('.seg')) continue;
    const bytes = await readFile(join(directory, name));
    let end = bytes.length;
    while (bytes[end - 1] === 0) end -= 1;
    files.set(name, bytes.subarray(0, end));
  }
  return { files, events };
}

/** Opens what is there: either its events and what was cut, or the damage that was reported. */
async function outcome(
  files: ReadonlyMap<string, Buffer>,
): Promise<{ events?: string[]; torn: number; error?: LogError }> {
  const directory = await directoryWith(files);
  try {
    const log = await opened(directory);
    try {
      return { events: await contents(log), torn: log.tornTails.length };
    } finally {
      await log[Symbol.asyncDispose]();
    }
  } catch (error) {
    assert.ok(error instanceof LogError, String(error));
    return { torn: 0, error };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

test('given a log cut at any byte, when opened, then all whole batches before the cut are there and the rest is reported', async () => {
  const { files, events } = await smallLog(3);
  const [[name, bytes] = ['', Buffer.alloc(0)]] = files;
  let most = 0;
  for (let length = 0; length < bytes.length; length++) {
    const { events: found, torn, error } = await outcome(new Map([[name, bytes.subarray(0, length)]]));
    assert.equal(error, undefined, `cut at ${length}`);
    assert.ok(found !== undefined);
    assert.deepEqual(found, events.slice(0, found.length), `cut at ${length}`);
    assert.ok(found.length >= most && found.length < events.length, `cut at ${length}`);
    most = found.length;
    // The zeros that end a batch may be cut unseen; what is left of it then is still no whole batch.
    if (torn === 0) assert.ok(length === 0 || length === 128 || found.length > 0 || bytes[length - 1] === 0);
  }
  assert.equal(most, events.length - 1);
});

test('given any byte flipped, when opened, then it is reported and nothing wrong is read', async () => {
  const { files, events } = await smallLog(3);
  const [[name, bytes] = ['', Buffer.alloc(0)]] = files;
  const seen = { torn: 0, error: 0 };
  for (let at = 0; at < bytes.length; at++) {
    const damaged = Buffer.from(bytes);
    damaged[at] = (damaged[at] ?? 0) ^ 0xff;
    const { events: found, torn, error } = await outcome(new Map([[name, damaged]]));
    if (error !== undefined) {
      seen.error += 1;
      assert.ok(['LOG_CORRUPT', 'LOG_VERSION'].includes(error.code), `flipped ${at}: ${error.code}`);
      assert.match(error.message, /\.seg, offset \d+|format version/);
      continue;
    }
    seen.torn += 1;
    assert.equal(torn, 1, `flipped ${at}`);
    assert.deepEqual(found, events.slice(0, -1), `flipped ${at}`);
  }
  assert.ok(seen.torn > 0 && seen.error > seen.torn);
});

test('given several segments, when one is damaged, cut or missing, then opening names its file', async () => {
  const { files, events } = await smallLog(60);
  const names = [...files.keys()].sort();
  assert.ok(names.length >= 3);
  assert.deepEqual((await outcome(files)).events, events);
  for (const name of names.slice(0, -1)) {
    const bytes = files.get(name) ?? Buffer.alloc(0);
    const cut = new Map(files).set(name, bytes.subarray(0, bytes.length - 1));
    const flipped = Buffer.from(bytes);
    flipped[bytes.length >> 1] = (flipped[bytes.length >> 1] ?? 0) ^ 1;
    const missing = new Map(files);
    missing.delete(name);
    for (const damaged of [cut, new Map(files).set(name, flipped), missing]) {
      const { error } = await outcome(damaged);
      assert.equal(error?.code, 'LOG_CORRUPT');
      assert.ok(error.message.includes(name), error.message);
    }
  }
});

test('given a failing fdatasync, when it works again, then what was refused is gone and the log goes on', async () => {
  const { disk, faults } = faultyDisk();
  const directory = await directoryWith(new Map());
  const log = await opened(directory, { disk });
  await append(log, mail('a'), 'kept');
  await append(log, user('a'), 'fact');
  faults.syncFails = true;
  const refused = [append(log, mail('a'), 'refused 1'), append(log, mail('a'), 'refused 2')];
  for (const one of refused) await assert.rejects(one, { code: 'LOG_UNAVAILABLE', retryable: true });
  await assert.rejects(append(log, mail('a'), 'refused 3'), { code: 'LOG_UNAVAILABLE' });
  assert.equal(log.healthy, false);
  assert.deepEqual(await log.streamState(mail('a')), { lastRevision: 0 });
  faults.syncFails = false;
  const [appended] = await log.append([
    { stream: mail('a'), expected: 0, events: [{ type: 't', data: Buffer.from('again') }] },
  ]);
  assert.equal(appended?.revision, 1);
  assert.equal(log.healthy, true);
  const events = await contents(log);
  assert.deepEqual(
    events.map((one) => one.split(' ').slice(1).join(' ')),
    [mail('a 0 kept'), user('a 0 fact'), mail('a 1 again')],
  );
  await log[Symbol.asyncDispose]();
  const report = await verifyLog(directory, { clock });
  assert.deepEqual([report.damage, report.tornTails], [[], []]);
  const again = await opened(directory);
  assert.deepEqual(await contents(again), events);
  await again[Symbol.asyncDispose]();
});

test('given a full disk, when there is space again, then the log goes on; what was acknowledged is there', async () => {
  const { disk, faults } = faultyDisk();
  const directory = await directoryWith(new Map());
  const log = await opened(directory, { disk });
  await append(log, mail('a'), '0');
  for (let space = 0; space < 600; space += 37) {
    faults.spaceLeft = space;
    faults.shortWrites = 100;
    const big = append(log, mail('a'), 'x'.repeat(700));
    await assert.rejects(big, { code: 'LOG_UNAVAILABLE', retryable: true });
    faults.spaceLeft = undefined;
    await append(log, mail('a'), String(space));
  }
  const events = await contents(log);
  assert.equal(events.length, 18);
  await log[Symbol.asyncDispose]();
  const again = await opened(directory);
  assert.deepEqual(await contents(again), events);
  await again[Symbol.asyncDispose]();
  assert.deepEqual((await verifyLog(directory, { clock })).damage, []);
});

test('given a segment that another writer wrote over, when a stream is read, then reading fails and does not go on for ever', async () => {
  for (const [family, named] of [
    ['mail', mail],
    ['facts', user],
  ] as const) {
    const directories = await Promise.all([directoryWith(new Map()), directoryWith(new Map())]);
    const logs = await Promise.all(directories.map((directory) => opened(directory)));
    const [ours, theirs] = logs;
    assert.ok(ours !== undefined && theirs !== undefined);
    for (let i = 0; i < 3; i++) {
      await append(ours, named('ours'), `event ${i}`);
      await append(theirs, named('they'), `event ${i}`);
    }
    const name = `${family}-0000000001.seg`;
    const bytes = await readFile(join(directories[1] ?? '', name));
    await writeFile(join(directories[0] ?? '', name), bytes, { flag: 'r+' });
    const read = async (): Promise<void> => {
      for await (const event of ours.readStream(named('ours'))) assert.fail(String(event.position));
    };
    await assert.rejects(read(), { code: 'LOG_CORRUPT', message: /holds nothing of/ });
    const [none] = await ours.readEvents([{ stream: named('ours'), revision: 1 }]);
    assert.equal(none, undefined);
    for (const log of logs) await log[Symbol.asyncDispose]();
  }
});
