import { test } from 'node:test';
import { ServerProcess } from '../kit/server-process.ts';
import { pause } from '../kit/waiting.ts';
import { Load } from './load.ts';
import { finish } from './verdict.ts';

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
    await pause(life);
    await server.kill();
    await server.start();
  }
  await finish(t, server, load, { killedAfterMs: lives });
});
