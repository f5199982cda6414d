import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { startGateway, type TestGateway } from '../integration/gateway-support.ts';
import { pause } from '../kit/waiting.ts';
import { dial, get1, get2, rest, secure, session2 } from './raw-client.ts';

const PROXY = '127.0.0.2';
const STRANGER = '127.0.0.3';
/** One request per address and minute: the second answer is 429. */
const ONE_EACH = ['security.rate_limit.http_burst=1', 'security.rate_limit.http_window_ms=60000'];
const SETTINGS = ['server.plain_bind=127.0.0.1:0', `server.proxy_protocol_from=${PROXY}`, ...ONE_EACH];

async function withProxy(
  run: (gateway: TestGateway) => Promise<void>,
  ...more: readonly string[]
): Promise<void> {
  const gateway = await startGateway([...SETTINGS, ...more]);
  try {
    await run(gateway);
  } finally {
    await gateway.close();
  }
}

function version1(client: string): Buffer {
  return Buffer.from(`PROXY TCP4 ${client} 10.0.0.1 4711 8443\r\n`);
}

function version2(client: string, command: 'LOCAL' | 'PROXY' = 'PROXY'): Buffer {
  const head = Buffer.from(`0d0a0d0a000d0a515549540a${command === 'PROXY' ? '2111' : '2011'}0013`, 'hex');
  const addresses = Buffer.from([...client.split('.').map(Number), 10, 0, 0, 1, 0x12, 0x67, 0x20, 0xfb]);
  return Buffer.concat([head, addresses, Buffer.from('0200046578616d', 'hex')]);
}

async function refusals(gateway: TestGateway, listener: string, reason: string): Promise<number> {
  const text = await gateway.metrics.expose();
  const name = `commucat_connections_refused_total{listener="${listener}",reason="${reason}"} `;
  const line = text.split('\n').find((candidate) => candidate.startsWith(name));
  return Number(line?.slice(name.length) ?? 0);
}

async function overTls(gateway: TestGateway, socket: Socket): Promise<number> {
  const tls = await secure(socket, gateway.ca);
  const { status } = await get1(tls, '/readyz');
  tls.destroy();
  return status;
}

test('given PROXY headers before TLS, when clients come through one proxy, then each has the limits of its own address', async () => {
  await withProxy(async (gateway) => {
    const ask = async (header: Buffer) => {
      const socket = await dial(gateway.port, PROXY);
      socket.write(header);
      return overTls(gateway, socket);
    };
    assert.equal(await ask(version2('198.51.100.1')), 200);
    assert.equal(await ask(version2('198.51.100.1')), 429);
    assert.equal(await ask(version1('198.51.100.1')), 429);
    assert.equal(await ask(version1('198.51.100.2')), 200);
    // A health check of the proxy itself counts as the proxy.
    assert.equal(await ask(version2('198.51.100.3', 'LOCAL')), 200);
    assert.equal(await ask(version2('198.51.100.4', 'LOCAL')), 429);
  });
});

test('given a PROXY header and the whole ClientHello in one segment, when it arrives, then TLS begins behind the header', async () => {
  await withProxy(async (gateway) => {
    const socket = await dial(gateway.port, PROXY);
    socket.cork();
    socket.write(version2('198.51.100.1'));
    const answer = overTls(gateway, socket);
    await pause(50);
    socket.uncork();
    assert.equal(await answer, 200);
  });
});

test('given a PROXY header byte by byte, when it is complete, then both listeners go on behind it, in both versions of HTTP', async () => {
  await withProxy(async (gateway) => {
    const drip = async (port: number, header: Buffer) => {
      const socket = await dial(port, PROXY);
      socket.setNoDelay(true);
      for (const byte of header) {
        socket.write(Buffer.from([byte]));
        await pause(1);
      }
      return socket;
    };
    assert.equal(await overTls(gateway, await drip(gateway.port, version2('198.51.100.1'))), 200);
    assert.equal(
      (await get1(await drip(gateway.plainPort, version1('198.51.100.2')), '/readyz')).status,
      200,
    );
    const session = session2(await drip(gateway.plainPort, version2('198.51.100.3')));
    assert.equal((await get2(session, '/readyz')).status, 200);
    assert.equal((await get2(session, '/readyz')).status, 429);
    session.destroy();
  });
});

test('given a proxy that must say whose connection it is, when it does not, then the connection ends and is counted', async () => {
  await withProxy(async (gateway) => {
    await assert.rejects(async () => overTls(gateway, await dial(gateway.port, PROXY)));
    await assert.rejects(async () => get1(await dial(gateway.plainPort, PROXY), '/readyz'));
    assert.equal(await refusals(gateway, 'tls', 'proxy_missing'), 1);
    assert.equal(await refusals(gateway, 'plain', 'proxy_missing'), 1);
    const long = await dial(gateway.port, PROXY);
    long.write(Buffer.from('0d0a0d0a000d0a515549540a2111ffff', 'hex'));
    assert.equal(await rest(long), '');
    assert.equal(await refusals(gateway, 'tls', 'proxy_too_long'), 1);
    const gone = await dial(gateway.port, PROXY);
    gone.end('PROXY TCP4 1.2');
    gone.resume();
    await once(gone, 'close');
    assert.equal(await refusals(gateway, 'tls', 'proxy_closed'), 1);
  });
});

test('given an address that is no proxy, when it forges a header, then it fails as what it is: neither TLS nor HTTP', async () => {
  await withProxy(async (gateway) => {
    const forge = async (port: number, header: Buffer) => {
      const socket = await dial(port, STRANGER);
      socket.write(header);
      return rest(socket);
    };
    await forge(gateway.port, version1('127.0.0.1'));
    await forge(gateway.port, version2('127.0.0.1'));
    assert.equal(await refusals(gateway, 'tls', 'not_tls'), 2);
    assert.equal(await forge(gateway.plainPort, version1('127.0.0.1')), '');
    assert.equal(await forge(gateway.plainPort, version2('127.0.0.1')), '');
    assert.equal(await refusals(gateway, 'plain', 'proxy_forged'), 2);
    assert.equal(await overTls(gateway, await dial(gateway.port, STRANGER)), 200);
  });
});

test('given two proxies in a row, when the inner one speaks PROXY and the outer one HTTP, then the header counts for the outer one only', async () => {
  await withProxy(async (gateway) => {
    const ask = async (outer: string, client: string) => {
      const socket = await dial(gateway.plainPort, PROXY);
      socket.write(version2(outer));
      return (await get1(socket, '/readyz', { 'x-forwarded-for': client })).status;
    };
    assert.equal(await ask('203.0.113.5', '198.51.100.1'), 200);
    assert.equal(await ask('203.0.113.5', '198.51.100.2'), 200);
    assert.equal(await ask('192.0.2.66', '198.51.100.3'), 200);
    assert.equal(await ask('192.0.2.66', '198.51.100.4'), 429);
  }, 'server.forwarded_from=203.0.113.0/24');
});

test('given a proxy and a client that say nothing, when their time is up, then both connections end and are counted', async () => {
  await withProxy(async (gateway) => {
    const proxy = await dial(gateway.port, PROXY);
    proxy.write(version1('198.51.100.1').subarray(0, 9));
    const client = await dial(gateway.plainPort, STRANGER);
    client.write('PRI * HTTP/2.0');
    assert.deepEqual(await Promise.all([rest(proxy), rest(client)]), ['', '']);
    assert.equal(await refusals(gateway, 'tls', 'proxy_timeout'), 1);
    assert.equal(await refusals(gateway, 'plain', 'opening_timeout'), 1);
  }, 'limits.opening_ms=100');
});
