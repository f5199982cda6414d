import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scheduler } from '../../../../test/kit/scheduler.ts';
import type { HistoryBegun } from '../../../events/events.ts';
import { STREAMS } from '../../../events/streams.ts';
import { MemoryLog } from '../../memory/memory-log.ts';
import { inboxGap, recordHistory } from './record-history.ts';

const DAY = 86_400_000;

async function histories(log: MemoryLog): Promise<HistoryBegun[]> {
  const facts: HistoryBegun[] = [];
  for await (const event of log.readStream(STREAMS.history.stream)) facts.push(STREAMS.history.decode(event));
  return facts;
}

test('given a new log, when its history is recorded twice, then there is one fact, and no number is skipped', async () => {
  const clock = new Scheduler();
  const log = new MemoryLog(clock, { epoch: 'a'.repeat(32) });
  for (let start = 0; start < 2; start += 1) {
    await recordHistory(log, clock, { cause: 'created', newestAt: undefined });
  }
  assert.deepEqual(await histories(log), [
    { type: 'history.begun', epoch: 'a'.repeat(32), cause: 'created', gap: 0 },
  ]);
});

test('given another epoch than the log knows, when it is recorded, then numbers are skipped, more the older it is', async () => {
  const clock = new Scheduler();
  const log = new MemoryLog(clock, { epoch: 'a'.repeat(32) });
  await recordHistory(log, clock, { cause: 'created', newestAt: undefined });
  log.epoch = 'b'.repeat(32);
  await recordHistory(log, clock, { cause: 'copied', newestAt: clock.now() - DAY });
  const [, second] = await histories(log);
  assert.equal(second?.gap, inboxGap(DAY));
  assert.deepEqual([second?.epoch, second?.cause], ['b'.repeat(32), 'copied']);
});

test('given ages from nothing to years, then a gap covers what a device may have been given, and leaves half the circle', () => {
  const ages = [0, 1, 999, 1000, 30_000, 600_000, 1_024_000, DAY, 30 * DAY, 200 * DAY, 5000 * DAY];
  let before = 0;
  for (const age of ages) {
    const gap = inboxGap(age);
    assert.ok(gap >= Math.min(2 ** 26, (age / 1000) * 65_536) && gap <= 2 ** 30, `${age} ms: ${gap}`);
    assert.ok(gap >= before);
    before = gap;
  }
});

test('given the same backup, when it is restored again an hour later, then the second gap ends behind what the first gave out', () => {
  assert.ok(inboxGap(DAY + 3_600_000) - inboxGap(DAY) >= 3600 * 64);
  assert.ok(inboxGap(61_000) - inboxGap(60_000) >= 65_536);
});

test('given a clock that is behind the newest event, or no event, then the gap is a whole burst', () => {
  assert.equal(inboxGap(-1), 2 ** 26);
  assert.equal(inboxGap(undefined), 2 ** 26);
});
