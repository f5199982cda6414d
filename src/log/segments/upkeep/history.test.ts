import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Scheduler } from '../../../../test/kit/scheduler.ts';
import { unknownWords, VOCABULARY } from '../../../events/vocabulary.ts';
import { LogError } from '../../log-error.ts';
import { nodeDisk } from '../disk/node-disk.ts';
import { readSealed, writeSealed } from '../disk/sealed-json.ts';
import { openSegmentLog, type SegmentLogOptions } from '../open-segment-log.ts';
import { HISTORY_FILE } from './history.ts';
import { recordHistory } from './record-history.ts';

const clock = new Scheduler();
let root = '';
let number = 0;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'commucat-history-'));
});
after(() => rm(root, { recursive: true, force: true }));

function freshPath(): string {
  number += 1;
  return join(root, String(number));
}

/** Opens the log as a server does, and closes it. */
async function visit(directory: string, options: Partial<SegmentLogOptions> = {}) {
  const log = await openSegmentLog({ directory, clock, segmentSize: 4096, ...options });
  const { history, newestAt } = log;
  await recordHistory(log, clock, { cause: history.cause, newestAt });
  await log[Symbol.asyncDispose]();
  return { ...history, newestAt };
}

test('given a new log, when it is opened again, and again under another path, then its history goes on', async () => {
  const directory = freshPath();
  const first = await visit(directory);
  assert.match(first.epoch, /^[0-9a-f]{32}$/);
  assert.equal(first.cause, 'created');
  assert.equal((await visit(directory)).epoch, first.epoch);
  const moved = freshPath();
  await rename(directory, moved);
  assert.equal((await visit(moved)).epoch, first.epoch);
});

test('given a copy of a log, when it is opened, then a new history begins, and the original keeps its own', async () => {
  const [directory, copy] = [freshPath(), freshPath()];
  const first = await visit(directory);
  await cp(directory, copy, { recursive: true, preserveTimestamps: true });
  const second = await visit(copy);
  assert.notEqual(second.epoch, first.epoch);
  assert.equal(second.cause, 'copied');
  assert.equal((await visit(copy)).epoch, second.epoch);
  assert.equal((await visit(directory)).epoch, first.epoch);
});

test('given a backup, when it is put in the place of a log that is gone, then a new history begins', async () => {
  const [directory, backup] = [freshPath(), freshPath()];
  const first = await visit(directory);
  await cp(directory, backup, { recursive: true, preserveTimestamps: true });
  await visit(directory);
  await rm(directory, { recursive: true });
  await cp(backup, directory, { recursive: true, preserveTimestamps: true });
  assert.notEqual((await visit(directory)).epoch, first.epoch);
});

test('given a backup, when its files are written over those of a later day, then a new history begins', async () => {
  const [directory, backup] = [freshPath(), freshPath()];
  const first = await visit(directory);
  await cp(directory, backup, { recursive: true, preserveTimestamps: true });
  await visit(directory);
  await cp(backup, directory, { recursive: true, preserveTimestamps: true, force: true });
  assert.notEqual((await visit(directory)).epoch, first.epoch);
});

test('given the word of the operator, when untouched files are opened, then a new history begins, once', async () => {
  const directory = freshPath();
  const first = await visit(directory);
  const second = await visit(directory, { restored: true });
  assert.notEqual(second.epoch, first.epoch);
  assert.equal(second.cause, 'restored');
  assert.equal((await visit(directory)).epoch, second.epoch);
});

test('given a log that has lost the file about its history, when it is opened, then a new one begins', async () => {
  const directory = freshPath();
  const first = await visit(directory);
  await rm(join(directory, HISTORY_FILE));
  const second = await visit(directory);
  assert.notEqual(second.epoch, first.epoch);
  assert.equal(second.cause, 'lost');
});

test('given a restored log, when it is opened, then it says how old its newest event is', async () => {
  const [directory, copy] = [freshPath(), freshPath()];
  await visit(directory);
  const written = clock.now();
  await cp(directory, copy, { recursive: true });
  clock.sleep(60_000);
  assert.equal((await visit(copy)).newestAt, written);
});

test('given a log of a newer program, when an older one opens it, then it is refused with words, and nothing is changed', async () => {
  const directory = freshPath();
  await visit(directory);
  const body = await readSealed(nodeDisk, directory, HISTORY_FILE, 1, (sealed) => sealed.body as object);
  const events = { ...VOCABULARY, 'device.revoked': 1, 'mail.posted': 9 };
  await writeSealed(nodeDisk, directory, HISTORY_FILE, () => ({ ...body, events }));
  await assert.rejects(visit(directory), (error) => {
    assert.ok(error instanceof LogError && error.code === 'LOG_VERSION');
    assert.match(error.message, /newer program, which knows mail.posted version 9, device.revoked version 1/);
    return true;
  });
  await writeSealed(nodeDisk, directory, HISTORY_FILE, () => ({ ...body, format: 2 }));
  await assert.rejects(visit(directory), /use a newer program/);
});

test('given a vocabulary, when it is compared with itself or an older one, then nothing in it is unknown', () => {
  assert.deepEqual(unknownWords(VOCABULARY), []);
  assert.deepEqual(unknownWords({}), []);
});

test('given a damaged file about the history, when the log is opened, then it says what to do, and the word of the operator helps', async () => {
  const directory = freshPath();
  const first = await visit(directory);
  const path = join(directory, HISTORY_FILE);
  const whole = await readFile(path);
  for (const damaged of [whole.subarray(0, 0), whole.subarray(0, 100), Buffer.alloc(whole.length)]) {
    await writeFile(path, damaged);
    await assert.rejects(visit(directory), {
      code: 'LOG_CORRUPT',
      message: /history\.json.*commucat log restored/,
    });
  }
  assert.notEqual((await visit(directory, { restored: true })).epoch, first.epoch);
  await visit(directory);
  await rm(path);
  await mkdir(path);
  await assert.rejects(visit(directory), { message: /history\.json/ });
});
