import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServerProcess } from '../kit/server-process.ts';
import { pause } from '../kit/waiting.ts';
import { Load } from './load.ts';
import { finish } from './verdict.ts';

const STOPS = 2;
const LIFE_MS = 600;

test(`given a server under load, when it is told to stop ${STOPS} times, then it ends in order each time, and each acknowledged message arrives, exactly once with the extensions`, {
  timeout: 120_000,
}, async (t) => {
  await using server = await ServerProcess.start();
  await using load = await Load.start(server);
  for (let stop = 0; stop < STOPS; stop += 1) {
    await pause(LIFE_MS);
    assert.equal(await server.stop(), 0);
    await server.start();
  }
  await finish(t, server, load);
});
