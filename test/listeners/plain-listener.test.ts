import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { startGateway, type TestGateway } from '../integration/gateway-support.ts';
import { pause } from '../kit/waiting.ts';
import { dial, get1, get2, rest, session2 } from './raw-client.ts';

const PLAIN = 'server.plain_bind=127.0.0.1:0';

async function withPlain(
  overrides: readonly string[],
  run: (port: number, gateway: TestGateway) => Promise<void>,
) {
  const gateway = await startGateway([PLAIN, ...overrides]);
  try {
    await run(gateway.plainPort, gateway);
  } finally {
    await gateway.close();
  }
}

async function refusals(gateway: TestGateway, reason: string): Promise<number> {
  const line = new RegExp(
    `^commucat_connections_refused_total\\{listener="plain",reason="${reason}"\\} (\\d+)$`,
    'm',
  );
  return Number(line.exec(await gateway.metrics.expose())?.[1] ?? 0);
}

test('given the plain listener, when clients of both versions come to its one port, then each is answered in its own', async () => {
  await withPlain([], async (port) => {
    assert.equal((await get1(await dial(port), '/readyz')).body, 'ready');
    const session = session2(await dial(port));
    assert.equal((await get2(session, '/readyz')).body, 'ready');
    assert.equal((await get2(session, '/api/server-info')).status, 200);
    session.destroy();
  });
});

test('given the preface of HTTP/2 byte by byte, when it is complete, then the server answers with its settings', async () => {
  await withPlain([], async (port) => {
    const socket = await dial(port);
    socket.setNoDelay(true);
    const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1');
    const answer = new Promise<Buffer>((resolve) => socket.once('data', resolve));
    for (const byte of preface) {
      socket.write(Buffer.from([byte]));
      await pause(1);
    }
    assert.equal((await answer)[3], 0x04);
    socket.destroy();
  });
});

test('given requests that begin like the preface, when they are sent, then HTTP/1.1 answers them', async () => {
  await withPlain([], async (port) => {
    const socket = await dial(port);
    socket.write('P');
    await pause(20);
    socket.write('R');
    await pause(20);
    socket.write('OPFIND /nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    assert.match(await rest(socket), /^HTTP\/1\.1 404 /);
  });
});

test('given a forged PROXY header on the plain listener, when it arrives, then the connection ends and is counted', async () => {
  await withPlain([], async (port, gateway) => {
    const version2 = Buffer.from('0d0a0d0a000d0a515549540a2111000cc63364070a000001d43120fb', 'hex');
    for (const header of [Buffer.from('PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n'), version2]) {
      const socket = await dial(port);
      socket.write(Buffer.concat([header, Buffer.from('GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n')]));
      assert.equal(await rest(socket), '');
    }
    assert.equal(await refusals(gateway, 'proxy_forged'), 2);
  });
});

test('given connections that have said nothing yet, when the server stops with a minute to go, then it does not wait for them', {
  timeout: 20_000,
}, async () => {
  const gateway = await startGateway([PLAIN, 'server.proxy_protocol_from=127.0.0.2']);
  const silent = [
    await dial(gateway.port),
    await dial(gateway.port, '127.0.0.2'),
    await dial(gateway.plainPort),
    await dial(gateway.plainPort, '127.0.0.2'),
  ];
  const ends = silent.map((socket) => rest(socket));
  await gateway.gateway.close(60_000);
  assert.deepEqual(await Promise.all(ends), ['', '', '', '']);
  await gateway.close();
});

test('given no plain_bind, when the server listens, then there is no second port', async () => {
  const gateway = await startGateway();
  assert.equal(gateway.plainPort, 0);
  await gateway.close();
});

test('given clients behind a proxy, when its header names them, then each has its own limits; strangers cannot name anybody', async () => {
  const limits = ['security.rate_limit.http_burst=1', 'security.rate_limit.http_window_ms=60000'];
  await withPlain([...limits, 'server.forwarded_from=127.0.0.2'], async (port) => {
    const proxy = session2(await dial(port, '127.0.0.2'));
    const ask = async (client: string) =>
      (await get2(proxy, '/readyz', { 'x-forwarded-for': client })).status;
    assert.deepEqual(
      [await ask('198.51.100.1'), await ask('198.51.100.1'), await ask('198.51.100.2')],
      [200, 429, 200],
    );
    proxy.destroy();
    const stranger = async (client: string) => {
      return (await get1(await dial(port, '127.0.0.3'), '/readyz', { 'x-forwarded-for': client })).status;
    };
    assert.deepEqual([await stranger('198.51.100.8'), await stranger('198.51.100.9')], [200, 429]);
  });
});

test('given a proxy on this machine, when it forwards a request for /metrics from elsewhere, then that is no request of this machine', async () => {
  await withPlain(['server.forwarded_from=127.0.0.1'], async (port) => {
    const ask = async (client?: string) => {
      const headers = client === undefined ? {} : { 'x-forwarded-for': client };
      return (await get1(await dial(port), '/metrics', headers)).status;
    };
    assert.deepEqual([await ask(), await ask('127.0.0.1'), await ask('198.51.100.1')], [200, 200, 403]);
  });
});

test("given a client that sends so many headers that the proxy's would fall off the end, when the request arrives, then it is refused", async () => {
  await withPlain(['server.forwarded_from=127.0.0.1'], async (port) => {
    const many = Object.fromEntries(Array.from({ length: 70 }, (_, index) => [`x-${index}`, '1']));
    const headers = { 'x-forwarded-for': '127.0.0.1', ...many, 'X-Forwarded-For': '127.0.0.1, 198.51.100.1' };
    assert.equal((await get1(await dial(port), '/metrics', headers)).status, 431);
    const upgrade = { connection: 'upgrade', upgrade: 'websocket', ...headers };
    assert.equal((await get1(await dial(port), '/connect', upgrade)).status, 431);
  });
});

test('given a client that asks HTTP/1.1 for h2c, when it is answered, then in HTTP/1.1, as if it had not asked', async () => {
  await withPlain([], async (port) => {
    const socket = await dial(port);
    socket.write(
      'GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n',
    );
    assert.match(await rest(socket), /^HTTP\/1\.1 200 /);
  });
});

const [elsewhere] = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .filter(({ family, internal }) => family === 'IPv4' && !internal);

test('given a plain listener on every address, when somebody comes who is neither of this machine nor a proxy, then it is closed unread', {
  skip: elsewhere === undefined ? 'this machine has no address but loopback' : false,
}, async () => {
  const from = elsewhere?.address ?? '';
  const bound = ['server.plain_bind=0.0.0.0:0', 'server.proxy_protocol_from=203.0.113.1'];
  for (const [trust, refused] of [
    ['server.forwarded_from=203.0.113.2', 1],
    [`server.forwarded_from=${from}`, 0],
  ] as const) {
    await withPlain([...bound, trust], async (port, gateway) => {
      const socket = connect({ host: from, port, localAddress: from });
      socket.on('error', () => undefined);
      socket.write('GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
      assert.match(await rest(socket), refused === 1 ? /^$/ : /^HTTP\/1\.1 200 /);
      assert.equal(await refusals(gateway, 'stranger'), refused);
    });
  }
});
