import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scheduler } from '../../../test/kit/scheduler.ts';
import { STREAMS } from '../../events/streams.ts';
import { MemoryLog } from '../../log/memory/memory-log.ts';
import { CursorKeeper } from './cursor-keeper.ts';
import { Mailbox } from './mailbox.ts';

test('given more changed mailboxes than one append can hold, when they are written, then all of them are', async () => {
  const clock = new Scheduler();
  const log = new MemoryLog(clock, { appendLimit: 4_194_304 });
  const failures: unknown[] = [];
  const keeper = new CursorKeeper({ log, clock, interval: 500, failed: (error) => failures.push(error) });
  const devices = Array.from({ length: 10_000 }, (_, index) => `${index}`.padStart(128, 'd'));
  for (const device of devices) keeper.touched(new Mailbox(device));

  await keeper.flush();

  assert.deepEqual(failures, []);
  for (const device of [devices[0], devices[5_000], devices[9_999]].map(String)) {
    assert.equal((await log.streamState(STREAMS.inbox.stream(device))).lastRevision, 0);
  }
});
