import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Scheduler } from '../../../../test/kit/scheduler.ts';
import { mail, user } from '../../../../test/kit/stream-names.ts';
import { LogError } from '../../log-error.ts';
import { verifyLog } from '../inspect.ts';
import { openSegmentLog, type SegmentLogOptions } from '../open-segment-log.ts';
import type { SegmentLog } from '../segment-log.ts';

const clock = new Scheduler();
let root = '';
let number = 0;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'commucat-loss-'));
});
after(() => rm(root, { recursive: true, force: true }));

function freshPath(): string {
  number += 1;
  return join(root, String(number));
}

const opened = (directory: string, options: Partial<SegmentLogOptions> = {}): Promise<SegmentLog> =>
  openSegmentLog({ directory, clock, segmentSize: 4096, ...options });

/** A closed log with several segments in two families. */
async function writtenLog(): Promise<string> {
  const directory = freshPath();
  const log = await opened(directory);
  for (let index = 0; index < 20; index += 1) {
    for (const stream of [user('a'), mail('a')]) {
      const events = [{ type: 't', data: Buffer.alloc(700, index) }];
      await log.append([{ stream, expected: 'any', events }]);
    }
  }
  await log[Symbol.asyncDispose]();
  return directory;
}

async function newest(directory: string, family: string): Promise<string> {
  const names = (await readdir(directory)).filter((name) => name.startsWith(`${family}-`)).sort();
  return join(directory, names.at(-1) ?? '');
}

const isLost = (error: unknown): boolean => error instanceof LogError && error.code === 'LOG_LOST';

const LOSSES: Readonly<Record<string, (directory: string) => Promise<void>>> = {
  'the newest mail segment': async (directory) => rm(await newest(directory, 'mail')),
  'the newest two mail segments': async (directory) => {
    await rm(await newest(directory, 'mail'));
    await rm(await newest(directory, 'mail'));
  },
  'all facts': async (directory) => {
    for (const name of await readdir(directory)) {
      if (name.startsWith('facts-')) await rm(join(directory, name));
    }
  },
  'the end of the newest segment': async (directory) => truncate(await newest(directory, 'facts'), 200),
  'the header of the newest segment': async (directory) => truncate(await newest(directory, 'mail'), 0),
};

for (const [what, lose] of Object.entries(LOSSES)) {
  test(`given a log, when ${what} is gone, then it is seen, and nothing starts without the operator's word`, async () => {
    const directory = await writtenLog();
    const { epoch } = (await verifyLog(directory, { clock })).history ?? {};
    await lose(directory);
    const { damage } = await verifyLog(directory, { clock });
    assert.equal(damage.length, 1);
    assert.match(damage[0]?.message ?? '', /the log has lost something/);
    const before = await readdir(directory);
    await assert.rejects(opened(directory), isLost);
    await assert.rejects(opened(directory), isLost);
    assert.deepEqual((await readdir(directory)).sort(), before.sort());
    const accepted = await opened(directory, { acceptLoss: true });
    assert.equal(accepted.losses.length, 1);
    assert.equal(accepted.history.cause, 'lost');
    assert.notEqual(accepted.epoch, epoch);
    await accepted[Symbol.asyncDispose]();
    const again = await opened(directory);
    assert.equal(again.epoch, accepted.epoch);
    await again[Symbol.asyncDispose]();
    assert.deepEqual((await verifyLog(directory, { clock })).damage, []);
  });
}

test('given a newest segment that was replaced by an older copy of it, then the loss is seen', async () => {
  const directory = freshPath();
  const log = await opened(directory);
  const say = (text: string) =>
    log.append([{ stream: user('a'), expected: 'any', events: [{ type: 't', data: Buffer.from(text) }] }]);
  await say('one');
  const copy = freshPath();
  await cp(await newest(directory, 'facts'), copy);
  await say('two');
  await log[Symbol.asyncDispose]();
  await cp(copy, await newest(directory, 'facts'));
  await assert.rejects(opened(directory), isLost);
});

test('given a log that was killed, when it is opened, then what its marks had not seen yet is no loss', async () => {
  const [directory, killed] = [freshPath(), freshPath()];
  const log = await opened(directory);
  for (let index = 0; index < 20; index += 1) {
    await log.append([
      { stream: mail('a'), expected: 'any', events: [{ type: 't', data: Buffer.alloc(700) }] },
    ]);
  }
  // The marks are written in the background: what is on its way is not copied.
  await cp(directory, killed, { recursive: true, filter: (source) => !source.endsWith('.tmp') });
  await rm(join(killed, 'lock'));
  await log[Symbol.asyncDispose]();
  assert.deepEqual((await verifyLog(killed, { clock })).damage, []);
  await (await opened(killed))[Symbol.asyncDispose]();
});
