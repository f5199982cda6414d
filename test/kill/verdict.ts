import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { verifyLog } from '../../src/log/segments/inspect.ts';
import { systemClock } from '../../src/system/index.ts';
import type { ServerProcess } from '../kit/server-process.ts';
import type { Load } from './load.ts';

/** Ends the load, which checks what has arrived, then the server, and verifies the log. */
export async function finish(
  t: TestContext,
  server: ServerProcess,
  load: Load,
  history: object = {},
): Promise<void> {
  const figures = await load.finish();
  t.diagnostic(JSON.stringify({ ...history, ...figures }));
  assert.ok(figures.acknowledged > 0);
  assert.equal(await server.stop(), 0);
  const report = await verifyLog(server.logDirectory, { clock: systemClock });
  assert.deepEqual(report.damage, []);
}
