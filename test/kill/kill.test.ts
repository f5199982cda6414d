import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { verifyLog } from '../../src/log/inspect.ts';
import { systemClock } from '../../src/system/index.ts';
import { ServerProcess } from '../support/server-process.ts';
import { Load } from './load.ts';

/** `npm run test:kill` asks for 20. */
const KILLS = Number(process.env.COMMUCAT_KILLS ?? 2);
const LONGEST_LIFE_MS = 1_200;

test(`given a server under load, when it is killed ${KILLS} times, then what was acknowledged is delivered, in order, and its log is clean`, {
  timeout: 60_000 + KILLS * 20_000,
}, async (t) => {
  await using server = await ServerProcess.start();
  await using load = await Load.start(server);
  const lives: number[] = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    const life = Math.round(Math.random() * LONGEST_LIFE_MS);
    lives.push(life);
    await delay(life);
    await server.kill();
    await server.start();
  }
  const figures = await load.finish();
  t.diagnostic(`killed after ${lives.join(', ')} ms; ${JSON.stringify(figures)}`);
  assert.ok(figures.acknowledged > 0);
  assert.equal(await server.stop(), 0);
  const report = await verifyLog(server.logDirectory, { clock: systemClock });
  assert.deepEqual(report.damage, []);
});
