import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startLoggedServer } from '../haproxy/logged-server.ts';
import { asking, chat, everyDoor, untilUp } from '../kit/through-proxy.ts';
import { nginxMissing, startNginx } from './nginx-process.ts';

const skip = nginxMissing() ?? false;
const options = { skip, timeout: 60_000 };
/** nginx's own; no client of these tests has it. */
const PROXY = '127.0.0.1';
/** It does not know extended CONNECT (RFC 8441). */
const WITHOUT = 'WebSocket over HTTP/2';

test(
  'given TLS passed through nginx with the PROXY protocol, when two devices talk, then messages arrive and the server sees their own addresses',
  options,
  async () => {
    await using server = await startLoggedServer([`server.proxy_protocol_from=${PROXY}`]);
    await using proxy = await startNginx('tls-passthrough.conf', 'stream', server.certificate, {
      '127.0.0.1:8443': `127.0.0.1:${server.port}`,
    });
    const { http1, http2 } = asking(proxy.port, server.ca);
    await untilUp(proxy, http1);
    assert.equal((await http2('127.0.0.9', '/api/server-info')).status, 200);
    await chat(server, proxy.port);
    await everyDoor(server, proxy.port);
  },
);

test(
  'given TLS ended at nginx, when two devices talk, then messages arrive and the server sees their own addresses',
  options,
  async () => {
    const trust = `server.forwarded_from=${PROXY}`;
    await using server = await startLoggedServer(['server.plain_bind=127.0.0.1:0', trust]);
    await using proxy = await startNginx('tls-termination.conf', 'http', server.certificate, {
      '127.0.0.1:8080': `127.0.0.1:${server.plainPort}`,
      'chat.example;': 'localhost;',
    });
    const { http1, http2 } = asking(proxy.port, server.ca);
    await untilUp(proxy, http2);
    assert.equal((await http1('127.0.0.9', '/api/server-info')).status, 200);
    assert.equal((await http2('127.0.0.9', '/metrics')).status, 403);
    await chat(server, proxy.port);
    await everyDoor(server, proxy.port, WITHOUT);
  },
);

test(
  'given TLS ended at nginx, when a client names another address in a header, then its own counts',
  options,
  async () => {
    const limits = ['security.rate_limit.http_burst=40', 'security.rate_limit.http_window_ms=600000'];
    const trust = `server.forwarded_from=${PROXY}`;
    await using server = await startLoggedServer(['server.plain_bind=127.0.0.1:0', trust, ...limits]);
    await using proxy = await startNginx('tls-termination.conf', 'http', server.certificate, {
      '127.0.0.1:8080': `127.0.0.1:${server.plainPort}`,
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
