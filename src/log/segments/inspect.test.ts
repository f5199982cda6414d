import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { mail, user } from '../../../test/kit/stream-names.ts';
import { pause } from '../../../test/kit/waiting.ts';
import { systemClock } from '../../system/system-clock.ts';
import type { RecordedEvent } from '../event-log.ts';
import { logStats, showEvent, tailLog, verifyLog } from './inspect.ts';
import { openSegmentLog } from './open-segment-log.ts';

const options = { clock: systemClock };

async function positions(events: AsyncIterable<RecordedEvent>): Promise<number[]> {
  const result: number[] = [];
  for await (const event of events) result.push(event.position);
  return result;
}

test('given a log that is being written, when inspected, then it is whole and shows what is durable', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'commucat-inspect-'));
  try {
    await using log = await openSegmentLog({ directory, clock: systemClock, segmentSize: 65_536 });
    const append = (i: number) =>
      log.append([
        {
          stream: i % 2 ? mail('a') : user('a'),
          expected: 'any',
          events: [{ type: 't', data: Buffer.alloc(99) }],
        },
      ]);
    for (let i = 1; i <= 600; i++) await append(i);
    let stop = false;
    const writing = (async () => {
      for (let i = 0; !stop; i++) await append(i);
    })();
    const reports = [await verifyLog(directory, options), await logStats(directory, options)];
    stop = true;
    await writing;
    for (const { live, damage, tornTails, families } of reports) {
      assert.deepEqual([live, damage, tornTails], [true, [], []]);
      assert.ok(families.reduce((sum, { events }) => sum + events, 0) >= 600);
    }
    assert.deepEqual(await positions(showEvent(directory, { position: 7 }, options)), [7]);
    assert.equal((await positions(showEvent(directory, { stream: user('a') }, options)))[2], 5 + 1);
    const head = log.headPosition;
    assert.deepEqual(await positions(tailLog(directory, 3, options)), [head - 2, head - 1, head]);
    const controller = new AbortController();
    const followed = positions(
      tailLog(directory, 1, { ...options, follow: true, signal: controller.signal }),
    );
    await append(1);
    await pause(600);
    controller.abort();
    assert.deepEqual((await followed).slice(-1), [head + 1]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
