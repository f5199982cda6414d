import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventLogContract } from '../../../test/kit/event-log.contract.ts';
import { Scheduler } from '../../../test/kit/scheduler.ts';
import { openSegmentLog } from './open-segment-log.ts';

for (const segmentSize of [4096, 1024 * 1024]) {
  eventLogContract(`segment log with segments of ${segmentSize} bytes`, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'commucat-log-'));
    const clock = new Scheduler();
    const log = await openSegmentLog({ directory, clock, segmentSize });
    return {
      log,
      advance: (ms) => clock.sleep(ms),
      async close() {
        await log[Symbol.asyncDispose]();
        await rm(directory, { recursive: true, force: true });
      },
    };
  });
}
