import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { test } from 'node:test';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { DOORS, type DoorStream } from '../kit/doors.ts';
import { startRunningServer } from '../kit/running-server.ts';
import { ServerProcess } from '../kit/server-process.ts';
import { until } from '../kit/waiting.ts';
import { WireClient } from '../kit/wire-client.ts';
import { dial, get1, secure, session2 } from '../listeners/raw-client.ts';

const NO_DELAY = { timeout: 60_000 };

test(
  'given a session at each door, when the server stops, then each hears why and ends in order, long before the deadline',
  NO_DELAY,
  async () => {
    const running = await startRunningServer(['server.shutdown_timeout_ms=50000']);
    const clients: WireClient[] = [];
    for (const [index, door] of DOORS.entries()) {
      clients.push(await WireClient.connect(running, `device-${index}`, { door }));
    }
    const farewells = Promise.all(
      clients.map(async (client) => {
        const { json } = await client.until(({ type }) => type === FRAME.ERROR);
        await client.end();
        client.close();
        return json.error as string;
      }),
    );
    await running[Symbol.asyncDispose]();
    assert.deepEqual(
      await farewells,
      DOORS.map(() => 'shutting_down'),
    );
    for (const [index, door] of DOORS.entries()) {
      if (door.mode !== 'websocket') continue;
      const { closeCode, closeReason } = (clients[index] ?? assert.fail()).stream as DoorStream;
      assert.deepEqual([door.name, closeCode, closeReason], [door.name, 1001, 'shutting_down']);
    }
  },
);

test(
  'given a connection of HTTP/2 without a session, when the server stops, then GOAWAY names the reason',
  NO_DELAY,
  async () => {
    const running = await startRunningServer(['server.shutdown_timeout_ms=50000']);
    const tls = await secure(await dial(running.port), running.ca, { ALPNProtocols: ['h2'] });
    const session = session2(tls);
    await once(session, 'connect');
    await once(session, 'remoteSettings');
    const goaway = once(session, 'goaway') as Promise<[number, number, Buffer | undefined]>;
    await running[Symbol.asyncDispose]();
    const [code, , data] = await goaway;
    assert.deepEqual([code, data?.toString()], [http2.constants.NGHTTP2_NO_ERROR, 'shutting_down']);
  },
);

test(
  'given a drain delay, when SIGTERM comes, then /readyz turns away first while sessions are served and may begin',
  NO_DELAY,
  async () => {
    await using server = await ServerProcess.start(['server.drain_delay_ms=3000']);
    const address = {
      port: server.port,
      ca: server.ca,
      domain: server.ready.domain,
      noisePublic: server.ready.noise_public,
    };
    const ready = async () => {
      return (
        await get1(await secure(await dial(server.port), server.ca), '/readyz', { connection: 'close' })
      ).status;
    };
    const early = await WireClient.connect(address, 'early');
    await early.join(1, ['early', 'late']);
    assert.equal(await ready(), 200);
    const stopped = server.stop();
    await until(async () => (await ready()) === 503);
    const late = await WireClient.connect(address, 'late');
    await late.join(1, ['early', 'late']);
    await early.say(1, 'still here');
    assert.equal(await late.hear(), 'still here');
    for (const client of [early, late]) {
      const { json } = await client.until(({ type }) => type === FRAME.ERROR);
      assert.equal(json.error, 'shutting_down');
      client.close();
    }
    assert.equal(await stopped, 0);
  },
);
