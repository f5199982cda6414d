import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Scheduler } from '../../../test/kit/scheduler.ts';
import { session } from '../../../test/kit/stream-names.ts';
import { openSegmentLog } from './open-segment-log.ts';

const DAY = 86_400_000;

test('given a journal, when the server starts with its date a year ahead, then nothing goes; when a year passes, the old does', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'commucat-journal-'));
  const segments = async (): Promise<number> =>
    (await readdir(directory)).filter((name) => /^journal-\d+\.seg$/.test(name)).length;
  try {
    const clock = new Scheduler();
    const log = await openSegmentLog({ directory, clock, segmentSize: 4096 });
    for (let index = 0; index < 10; index += 1) {
      const events = [{ type: 't', data: Buffer.alloc(900) }];
      await log.append([{ stream: session(`${index}`), expected: 'any', events }]);
    }
    await log[Symbol.asyncDispose]();
    const written = await segments();
    assert.ok(written > 2);
    clock.jump(365 * DAY);
    const jumped = await openSegmentLog({ directory, clock, segmentSize: 4096 });
    await jumped.maintain();
    assert.equal(await segments(), written);
    await jumped[Symbol.asyncDispose]();
    clock.jump(-365 * DAY);
    const again = await openSegmentLog({ directory, clock, segmentSize: 4096 });
    clock.sleep(365 * DAY);
    await again.maintain();
    assert.ok((await segments()) < written);
    await again[Symbol.asyncDispose]();
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
