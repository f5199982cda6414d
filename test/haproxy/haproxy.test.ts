import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { FRAME } from '../../src/protocol/frame-types.ts';
import { type Answer, dial, get1, get2, type Headers, secure, session2 } from '../listeners/raw-client.ts';
import { DOORS } from '../support/doors.ts';
import { WireClient } from '../support/wire-client.ts';
import { HaproxyProcess, haproxyMissing } from './haproxy-process.ts';
import { type LoggedServer, startLoggedServer } from './logged-server.ts';

const skip = haproxyMissing() ?? false;
const options = { skip, timeout: 60_000 };
/** HAProxy's own; no client of these tests has it. */
const PROXY = '127.0.0.1';

type Ask = (from: string, path: string, headers?: Headers) => Promise<Answer>;

/** Requests of HTTP/1.1 and HTTP/2 through the proxy. */
function asking(port: number, ca: Buffer): { readonly http1: Ask; readonly http2: Ask } {
  return {
    async http1(from, path, headers) {
      const tls = await secure(await dial(port, from), ca);
      return get1(tls, path, { connection: 'close', ...headers });
    },
    async http2(from, path, headers) {
      const session = session2(await secure(await dial(port, from), ca, { ALPNProtocols: ['h2'] }));
      try {
        return await get2(session, path, headers);
      } finally {
        session.destroy();
      }
    },
  };
}

/** Until the proxy has found the server in order. */
async function untilUp(proxy: HaproxyProcess, ask: Ask): Promise<void> {
  for (;;) {
    const answer = await ask('127.0.0.9', '/readyz').catch(() => undefined);
    if (answer?.status === 200) return;
    proxy.assertAlive();
    await delay(100);
  }
}

/** Two devices talk through the proxy; the server must see them where they are. */
async function chat(server: LoggedServer, port: number): Promise<void> {
  const through = { ...server, port };
  const places = { ada: '127.0.0.21', bob: '127.0.0.22' } as const;
  const direct: string[] = [];
  for (const [name, from] of Object.entries(places)) {
    (await WireClient.connect(server, `direct-${name}`, { from })).close();
    direct.push(server.peers().at(-1) ?? '');
  }
  const ada = await WireClient.connect(through, 'ada', { from: places.ada });
  const bob = await WireClient.connect(through, 'bob', { from: places.bob });
  assert.deepEqual(server.peers().slice(-2), direct);
  assert.equal(new Set(direct).size, 2);
  await ada.join(5, ['ada', 'bob']);
  await bob.join(5, ['ada', 'bob']);
  const words = 'x'.repeat(60_000);
  for (let turn = 0; turn < 30; turn += 1) {
    void ada.say(5, `${turn} ${words}`);
    void bob.say(5, `${turn} ${words}`);
  }
  for (let turn = 0; turn < 30; turn += 1) {
    assert.equal(await bob.hear(), `${turn} ${words}`);
    assert.equal(await ada.hear(), `${turn} ${words}`);
  }
  ada.close();
  bob.close();
}

/** A session through each door; what is said through it arrives. */
async function everyDoor(server: LoggedServer, port: number): Promise<void> {
  const through = { ...server, port };
  const listener = await WireClient.connect(server, 'listener', { from: '127.0.0.23' });
  await listener.join(6, ['listener', ...DOORS.map((_, index) => `door-${index}`)]);
  for (const [index, door] of DOORS.entries()) {
    const client = await WireClient.connect(through, `door-${index}`, { door }).catch((error: unknown) => {
      throw new Error(`${door.name}: ${String(error)}`);
    });
    await client.join(6, ['listener', `door-${index}`]);
    await client.say(6, door.name);
    assert.equal(await listener.hear(), door.name);
    await listener.say(6, `to ${door.name}`);
    assert.equal(await client.hear(), `to ${door.name}`);
    client.close();
  }
  listener.close();
}

test(
  'given TLS passed through HAProxy with PROXY v2, when two devices talk, then messages arrive and the server sees their own addresses',
  options,
  async () => {
    await using server = await startLoggedServer([`server.proxy_protocol_from=${PROXY}`]);
    await using proxy = await HaproxyProcess.start('tls-passthrough.cfg', server.certificate, {
      '127.0.0.1:8443': `127.0.0.1:${server.port}`,
      '/etc/ssl/certs/ca-certificates.crt': server.caFile,
      'chat.example': 'localhost',
    });
    const { http1, http2 } = asking(proxy.port, server.ca);
    await untilUp(proxy, http1);
    assert.equal((await http2('127.0.0.9', '/api/server-info')).status, 200);
    await chat(server, proxy.port);
    await everyDoor(server, proxy.port);
  },
);

const TERMINATION = [
  { name: 'PROXY v2', trust: `server.proxy_protocol_from=${PROXY}`, replace: {} },
  {
    name: 'X-Forwarded-For',
    trust: `server.forwarded_from=${PROXY}`,
    replace: {
      ' send-proxy-v2': '',
      'http-request del-header X-Forwarded-For': 'http-request set-header X-Forwarded-For %[src]',
    },
  },
] as const;

for (const { name, replace, trust } of TERMINATION) {
  test(
    `given TLS ended at HAProxy with h2c behind it and ${name}, when two devices talk, then messages arrive and the server sees their own addresses`,
    options,
    async () => {
      await using server = await startLoggedServer(['server.plain_bind=127.0.0.1:0', trust]);
      await using proxy = await HaproxyProcess.start('tls-termination.cfg', server.certificate, {
        '127.0.0.1:8080': `127.0.0.1:${server.plainPort}`,
        ...replace,
      });
      const { http1, http2 } = asking(proxy.port, server.ca);
      await untilUp(proxy, http2);
      assert.equal((await http1('127.0.0.9', '/api/server-info')).status, 200);
      assert.equal((await http2('127.0.0.9', '/metrics')).status, 403);
      await chat(server, proxy.port);
      await everyDoor(server, proxy.port);
    },
  );
}

test(
  'given TLS ended at HAProxy, when a client names another address in a header, then its own counts',
  options,
  async () => {
    const limits = ['security.rate_limit.http_burst=40', 'security.rate_limit.http_window_ms=600000'];
    const trust = `server.proxy_protocol_from=${PROXY}`;
    await using server = await startLoggedServer(['server.plain_bind=127.0.0.1:0', trust, ...limits]);
    await using proxy = await HaproxyProcess.start('tls-termination.cfg', server.certificate, {
      '127.0.0.1:8080': `127.0.0.1:${server.plainPort}`,
      'inter 200ms': 'inter 60s',
    });
    const { http1, http2 } = asking(proxy.port, server.ca);
    await untilUp(proxy, http2);
    const statuses = new Set<number>();
    for (let turn = 0; turn < 41; turn += 1) {
      const claim = `198.51.100.${turn}`;
      const headers = { 'x-forwarded-for': claim, forwarded: `for=${claim}` };
      statuses.add((await (turn % 2 === 0 ? http1 : http2)('127.0.0.30', '/readyz', headers)).status);
    }
    assert.deepEqual([...statuses], [200, 429]);
    assert.equal((await http2('127.0.0.31', '/readyz')).status, 200);
  },
);

test(
  'given a server that is told to stop, when HAProxy finds it drained, then it sends nobody there any more, and sessions go on until the end',
  options,
  async () => {
    const trust = `server.proxy_protocol_from=${PROXY}`;
    const server = await startLoggedServer([
      'server.plain_bind=127.0.0.1:0',
      trust,
      'server.drain_delay_ms=5000',
    ]);
    await using proxy = await HaproxyProcess.start('tls-termination.cfg', server.certificate, {
      '127.0.0.1:8080': `127.0.0.1:${server.plainPort}`,
    });
    const { http2 } = asking(proxy.port, server.ca);
    await untilUp(proxy, http2);
    const client = await WireClient.connect({ ...server, port: proxy.port }, 'ada');
    await client.join(7, ['ada']);
    const stopped = server[Symbol.asyncDispose]();
    // CommuCat itself still answers this with 200.
    while ((await http2('127.0.0.9', '/api/server-info')).status !== 503) await delay(50);
    await client.barrier();
    const { json } = await client.until(({ type }) => type === FRAME.ERROR);
    assert.equal(json.error, 'shutting_down');
    await client.end();
    client.close();
    await stopped;
  },
);
