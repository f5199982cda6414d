import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventLogContract } from '../../../test/kit/event-log.contract.ts';
import { Scheduler } from '../../../test/kit/scheduler.ts';
import { user } from '../../../test/kit/stream-names.ts';
import { LogError } from '../log-error.ts';
import { MemoryLog } from './memory-log.ts';

eventLogContract('memory log', async () => {
  const clock = new Scheduler();
  const log = new MemoryLog(clock);
  return { log, advance: (ms) => clock.sleep(ms), close: () => log[Symbol.asyncDispose]() };
});

const append = (log: MemoryLog, data: string) =>
  log.append([{ stream: user('a'), expected: 'any', events: [{ type: 't', data: Buffer.from(data) }] }]);

test('given appends that are not flushed, when the log crashes, then they are refused and gone', async () => {
  const log = new MemoryLog(new Scheduler(), { manualFlush: true });
  const kept = append(log, 'kept');
  log.flush();
  const lost = append(log, 'lost');
  log.crash();
  await kept;
  await assert.rejects(lost, { code: 'LOG_CLOSED' });
  assert.deepEqual(await log.streamState(user('a')), { lastRevision: 0 });
});

test('given a failing disk, when it works again, then the log goes on at the revision before', async () => {
  const log = new MemoryLog(new Scheduler());
  log.failing = new LogError('LOG_UNAVAILABLE', 'disk full', { retryable: true });
  await assert.rejects(append(log, 'x'), { code: 'LOG_UNAVAILABLE', retryable: true });
  assert.equal(log.healthy, false);
  log.failing = undefined;
  assert.equal((await append(log, 'y'))[0]?.revision, 0);
  assert.equal(log.healthy, true);
});
