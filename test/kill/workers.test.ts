import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServerProcess } from '../kit/server-process.ts';
import { pause } from '../kit/waiting.ts';
import { SKIPPED_WITHOUT_WORKERS } from '../kit/workers.ts';
import { Load } from './load.ts';
import { finish } from './verdict.ts';

const LIFE_MS = 1_500;

test('given a server with two gateway workers under load, when it is killed and later told to stop, then what was acknowledged is delivered, in order, and its log is clean', {
  skip: SKIPPED_WITHOUT_WORKERS,
  timeout: 180_000,
}, async (t) => {
  await using server = await ServerProcess.start(['server.workers=2']);
  await using load = await Load.start(server);
  await pause(LIFE_MS);
  await server.kill();
  await server.start();
  await pause(LIFE_MS);
  // An orderly end, under load: the workers drain.
  assert.equal(await server.stop(), 0);
  await server.start();
  await finish(t, server, load);
});
