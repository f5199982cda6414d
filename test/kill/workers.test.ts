import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { verifyLog } from '../../src/log/inspect.ts';
import { systemClock } from '../../src/system/index.ts';
import { ServerProcess } from '../support/server-process.ts';
import { SKIPPED_WITHOUT_WORKERS } from '../support/workers.ts';
import { Load } from './load.ts';

const LIFE_MS = 1_500;

test('given a server with two gateway workers under load, when it is killed and later told to stop, then what was acknowledged is delivered, in order, and its log is clean', {
  skip: SKIPPED_WITHOUT_WORKERS,
  timeout: 180_000,
}, async (t) => {
  await using server = await ServerProcess.start(['server.workers=2']);
  await using load = await Load.start(server);
  await delay(LIFE_MS);
  await server.kill();
  await server.start();
  await delay(LIFE_MS);
  // An orderly end, under load: the workers drain.
  assert.equal(await server.stop(), 0);
  await server.start();
  const figures = await load.finish();
  t.diagnostic(JSON.stringify(figures));
  assert.ok(figures.acknowledged > 0);
  assert.equal(await server.stop(), 0);
  const report = await verifyLog(server.logDirectory, { clock: systemClock });
  assert.deepEqual(report.damage, []);
});
