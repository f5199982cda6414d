import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { asking, chat, everyDoor, untilUp } from '../kit/through-proxy.ts';
import { until } from '../kit/waiting.ts';
import { WireClient } from '../kit/wire-client.ts';
import { haproxyMissing, startHaproxy } from './haproxy-process.ts';
import { startLoggedServer } from './logged-server.ts';

const skip = haproxyMissing() ?? false;
const options = { skip, timeout: 60_000 };
/** HAProxy's own; no client of these tests has it. */
const PROXY = '127.0.0.1';

test(
  'given TLS passed through HAProxy with PROXY v2, when two devices talk, then messages arrive and the server sees their own addresses',
  options,
  async () => {
    await using server = await startLoggedServer([`server.proxy_protocol_from=${PROXY}`]);
    await using proxy = await startHaproxy('tls-passthrough.cfg', server.certificate, {
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
  { name: 'X-Forwarded-For, connections shared', trust: `server.forwarded_from=${PROXY}`, replace: {} },
  {
    name: 'PROXY v2, a connection for each',
    trust: `server.proxy_protocol_from=${PROXY}`,
    replace: { 'http-reuse always': 'http-reuse never', 'proto h2 check': 'proto h2 send-proxy-v2 check' },
  },
] as const;

for (const { name, replace, trust } of TERMINATION) {
  test(
    `given TLS ended at HAProxy with h2c behind it and ${name}, when two devices talk, then messages arrive and the server sees their own addresses`,
    options,
    async () => {
      await using server = await startLoggedServer(['server.plain_bind=127.0.0.1:0', trust]);
      await using proxy = await startHaproxy('tls-termination.cfg', server.certificate, {
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
    const trust = `server.forwarded_from=${PROXY}`;
    await using server = await startLoggedServer(['server.plain_bind=127.0.0.1:0', trust, ...limits]);
    await using proxy = await startHaproxy('tls-termination.cfg', server.certificate, {
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
    const trust = `server.forwarded_from=${PROXY}`;
    const server = await startLoggedServer([
      'server.plain_bind=127.0.0.1:0',
      trust,
      'server.drain_delay_ms=5000',
    ]);
    await using proxy = await startHaproxy('tls-termination.cfg', server.certificate, {
      '127.0.0.1:8080': `127.0.0.1:${server.plainPort}`,
    });
    const { http2 } = asking(proxy.port, server.ca);
    await untilUp(proxy, http2);
    const client = await WireClient.connect({ ...server, port: proxy.port }, 'ada');
    await client.join(7, ['ada']);
    const stopped = server[Symbol.asyncDispose]();
    // CommuCat itself still answers this with 200.
    await until(async () => (await http2('127.0.0.9', '/api/server-info')).status === 503);
    await client.barrier();
    const { json } = await client.until(({ type }) => type === FRAME.ERROR);
    assert.equal(json.error, 'shutting_down');
    await client.end();
    client.close();
    await stopped;
  },
);
