import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { after, before, describe, test } from 'node:test';
import { utf8 } from '../../src/protocol/bytes.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { Load } from '../kill/load.ts';
import { type RunningServer, startRunningServer } from '../kit/running-server.ts';
import { pause, until } from '../kit/waiting.ts';
import { WireClient } from '../kit/wire-client.ts';
import { SKIPPED_WITHOUT_WORKERS, startedThreads } from '../kit/workers.ts';

const options = { skip: SKIPPED_WITHOUT_WORKERS, timeout: 120_000 };
const MEMBERS = Array.from({ length: 12 }, (_, index) => `member-${index}`);

function startWithWorkers(overrides: readonly string[] = []): Promise<RunningServer> {
  return startRunningServer(['server.workers=2', 'security.rate_limit.http_burst=100000', ...overrides]);
}

function sampleOf(page: string, series: string): number {
  const line = page.split('\n').find((candidate) => candidate.startsWith(`${series} `));
  return Number(line?.slice(series.length));
}

/** Asks again until the page of `/metrics` says so. */
async function untilMetrics(server: RunningServer, line: RegExp): Promise<void> {
  await until(async () => line.test((await get(server, '/metrics')).body), `${line}`);
}

/** One request over a connection of its own, so that any worker may get it. */
async function get({ ca, port }: RunningServer, path: string): Promise<{ status: number; body: string }> {
  const agent = new Agent({ ca, keepAlive: false });
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', servername: 'localhost', port, path, agent }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    })
      .on('error', reject)
      .end();
  });
}

describe('one server with two workers', options, () => {
  let server: RunningServer;
  before(async () => {
    server = await startWithWorkers();
  });
  after(() => server[Symbol.asyncDispose]());

  test(
    'given devices on two workers, when one talks to a channel of all, then each of the others gets every message once and in order',
    options,
    async () => {
      const clients = await Promise.all(MEMBERS.map((name) => WireClient.connect(server, name)));
      for (const client of clients) assert.equal((await client.join(7, MEMBERS)).type, FRAME.ACK);
      const [sender, ...others] = clients;
      assert.ok(sender !== undefined);
      const words = Array.from({ length: 50 }, (_, index) => `word ${index}`);
      for (const word of words) sender.post(FRAME.MSG, 7, utf8(word));
      for (const client of others) {
        for (const word of words) {
          const heard = await client.until((frame) => frame.type === FRAME.MSG);
          assert.equal(heard.text, word);
        }
        client.post(FRAME.MSG, 7, utf8(client.device));
      }
      const answers = new Set<string>();
      while (answers.size < others.length) {
        answers.add((await sender.until((frame) => frame.type === FRAME.MSG)).text);
      }
      for (const client of clients) client.close();
    },
  );

  test(
    'given a device that connects again, on whatever worker, when it was connected before, then the older session is replaced',
    options,
    async () => {
      let current = await WireClient.connect(server, 'wanderer');
      for (let again = 0; again < 8; again += 1) {
        const next = await WireClient.connect(server, 'wanderer');
        const last = await current.until((frame) => frame.type === FRAME.ERROR);
        assert.equal(last.json.error, 'replaced');
        current = next;
      }
      current.close();
    },
  );

  test(
    'given sessions on two workers, when any of them is asked for metrics and health, then it answers for the whole server',
    options,
    async () => {
      await untilMetrics(server, /^commucat_connections_active\{generation="records"\} 0$/m);
      const { body: earlier } = await get(server, '/metrics');
      const handshakes =
        sampleOf(earlier, 'commucat_handshakes_total{pattern="XK",result="established"}') + 12;
      const clients = await Promise.all(MEMBERS.map((name) => WireClient.connect(server, name)));
      for (let asked = 0; asked < 4; asked += 1) {
        const { body } = await get(server, '/metrics');
        assert.equal(
          sampleOf(body, 'commucat_handshakes_total{pattern="XK",result="established"}'),
          handshakes,
        );
        assert.equal(sampleOf(body, 'commucat_handshake_seconds_count'), handshakes);
        assert.match(body, /^commucat_connections_active\{generation="records"\} 12$/m);
        assert.match(body, /^commucat_gateway_workers 2$/m);
        assert.match(body, /^process_cpu_seconds_total /m);
        assert.equal(JSON.parse((await get(server, '/healthz')).body).connections, 12);
        assert.deepEqual(await get(server, '/readyz'), { status: 200, body: 'ready' });
        assert.equal(
          JSON.parse((await get(server, '/api/server-info')).body).noise_public,
          server.noisePublic,
        );
      }
      for (const client of clients) client.close();
    },
  );

  test(
    'given a server with workers, when another one is started on its port, with workers or without, then it is told that the port is taken',
    options,
    async () => {
      for (const workers of [0, 2]) {
        await assert.rejects(
          startRunningServer([`server.bind=127.0.0.1:${server.port}`, `server.workers=${workers}`]),
          { code: 'EADDRINUSE' },
        );
      }
      const client = await WireClient.connect(server, 'still-served');
      client.close();
    },
  );
});

test(
  'given sessions on two workers, when the server stops, then each is told and its stream ends in order',
  options,
  async () => {
    const server = await startWithWorkers();
    const clients = await Promise.all(MEMBERS.map((name) => WireClient.connect(server, name)));
    const stopped = server[Symbol.asyncDispose]();
    for (const client of clients) {
      const last = await client.until((frame) => frame.type === FRAME.ERROR);
      assert.equal(last.json.error, 'shutting_down');
      client.close();
    }
    await stopped;
  },
);

test(
  'given devices that talk, when workers die again and again, then they reconnect and what was acknowledged arrives in order',
  options,
  async (t) => {
    const threads = startedThreads();
    await using server = await startWithWorkers();
    const ready = {
      url: `https://localhost:${server.port}/connect`,
      domain: server.domain,
      noise_public: server.noisePublic,
      ca_file: '',
      pid: process.pid,
    };
    await using load = await Load.start({ ready, ca: server.ca });
    for (let death = 0; death < 4; death += 1) {
      await pause(400);
      const alive = threads.filter((thread) => thread.threadId >= 0);
      await alive[death % alive.length]?.terminate();
    }
    const figures = await load.finish();
    t.diagnostic(JSON.stringify(figures));
    assert.ok(figures.acknowledged > 0);
    const { body } = await get(server, '/metrics');
    assert.match(body, /^commucat_gateway_workers_died_total 4$/m);
    assert.match(body, /^commucat_sessions_closed_total\{reason="worker_died"\} [1-9]/m);
  },
);

test(
  'given a worker that died and cannot start because the certificate is broken, when it is whole again, then a later attempt takes the place',
  options,
  async () => {
    const threads = startedThreads();
    await using server = await startWithWorkers();
    const { keyFile } = server.identity;
    const key = await readFile(keyFile);
    await writeFile(keyFile, 'no key');
    await threads[0]?.terminate();
    await untilMetrics(server, /^commucat_gateway_workers_died_total [3-9]$/m);
    // The other worker goes on with the certificate that it has.
    const clients = [await WireClient.connect(server, 'meanwhile')];
    await writeFile(keyFile, key);
    await untilMetrics(server, /^commucat_gateway_workers 2$/m);
    for (const name of MEMBERS) clients.push(await WireClient.connect(server, name));
    for (const client of clients) client.close();
  },
);
