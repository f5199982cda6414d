import assert from 'node:assert/strict';
import http2 from 'node:http2';
import https from 'node:https';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { toHex } from '../../src/protocol/bytes.ts';
import { encodeFrame } from '../../src/protocol/frames/frame.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { Peer } from './gateway-peer.ts';
import { json, startGateway, type TestGateway } from './gateway-support.ts';

const limits = { timeout: 20_000 };
let gateway: TestGateway;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway.close());

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

async function overHttp2(method: string, path: string, to = gateway, headers = {}): Promise<Answer> {
  const session = http2.connect(`https://localhost:${to.port}`, { ca: to.ca, host: '127.0.0.1' });
  const request = session.request(
    { ':method': method, ':path': path, ...headers },
    { endStream: method !== 'POST' },
  );
  const answer = await new Promise<Answer>((resolve, reject) => {
    let body = '';
    let head: http2.IncomingHttpHeaders = {};
    request.on('response', (received) => {
      head = received;
    });
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => resolve({ status: Number(head[':status']), headers: head, body }));
    request.on('error', reject);
  });
  session.destroy();
  return answer;
}

function overHttp1(method: string, path: string, headers = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { ca, port } = gateway;
    const options = {
      host: '127.0.0.1',
      servername: 'localhost',
      port,
      ca,
      method,
      path,
      headers,
      agent: false,
    };
    const request = https.request({ ...options }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
    });
    request.on('error', reject);
    request.end();
  });
}

const NOT_FOUND = '{"status":404,"title":"Not Found","type":"about:blank"}';

for (const [version, ask] of [
  ['HTTP/2', (method: string, path: string) => overHttp2(method, path)],
  ['HTTP/1.1', overHttp1],
] as const) {
  test(
    `given ${version}, when server-info is asked, then it says what PROTOCOL.md lists`,
    limits,
    async () => {
      const { status, headers, body } = await ask('GET', '/api/server-info?x=1');
      assert.equal(status, 200);
      assert.deepEqual([headers['content-type'], headers['cache-control']], ['application/json', 'no-store']);
      assert.equal(headers['access-control-allow-origin'], '*');
      const keys = gateway.keys.map((key) => ({
        expires_at: `2025-01-0${key.version}T02:00:00.500+00:00`,
        public: toHex(key.keyPair.publicKey),
        rotates_at: `2025-01-0${key.version}T01:00:00+00:00`,
        valid_after: `2025-01-0${key.version}T00:00:00+00:00`,
        version: key.version,
      }));
      assert.equal(
        body,
        JSON.stringify({
          device_ca_public: toHex(gateway.authorityPublic),
          device_rotation: { enabled: false, min_interval_seconds: 86400, proof_ttl_seconds: 600 },
          domain: 'gateway.test',
          noise_keys: keys,
          noise_public: keys[0]?.public,
          pairing: { auto_approve: false, max_auto_devices: 1, pairing_ttl: 300 },
          post_quantum: {
            enabled: false,
            kem_algorithm: null,
            kem_public_hex: null,
            signature_algorithm: null,
          },
          presence: { ttl_seconds: 30 },
          session: { keepalive_interval: 30, ttl_seconds: 60 },
          supported_patterns: ['XK', 'IK'],
          supported_versions: [1],
        }),
      );
    },
  );

  test(`given ${version}, when probes are asked, then they answer to any method`, limits, async () => {
    const health = await ask('GET', '/healthz');
    assert.deepEqual(Object.keys(JSON.parse(health.body)), [
      'status',
      'uptime_seconds',
      'version',
      'connections',
    ]);
    assert.equal(JSON.parse(health.body).version, '1.2.3');
    const ready = await ask('PUT', '/readyz');
    assert.deepEqual([ready.status, ready.body], [200, 'ready']);
    const head = await ask('HEAD', '/readyz');
    assert.deepEqual([head.status, head.body], [200, '']);
    const metrics = await ask('GET', '/metrics');
    assert.match(metrics.body, /commucat_handshakes_total/);
  });

  test(
    `given ${version}, when a path or method is unknown, then 404 in the reference's words`,
    limits,
    async () => {
      for (const [method, path] of [
        ['GET', '/no-such-path'],
        ['PUT', '/connect'],
        ['GET', '/connect/x'],
        ['DELETE', '/api/server-info'],
        ['GET', '/demo'],
      ] as const) {
        const { status, headers, body } = await ask(method, path);
        assert.deepEqual(
          [status, headers['content-type'], body],
          [404, 'application/problem+json', NOT_FOUND],
          path,
        );
      }
    },
  );

  test(`given ${version}, when GET /connect is asked, then the head and the end`, limits, async () => {
    const { status, headers, body } = await ask('GET', '/connect');
    assert.deepEqual([status, body], [200, '']);
    assert.equal(headers['x-commucat-connect-mode'], 'binary');
  });

  test(
    `given ${version}, when GET asks for another mode, then its head, its opening and the end`,
    limits,
    async () => {
      for (const [mode, type, opening] of [
        ['sse', 'text/event-stream', ':ready\n\n'],
        ['long-poll', 'application/x-ndjson', ''],
      ] as const) {
        const { status, headers, body } = await ask('GET', `/connect?mode=${mode}`);
        assert.deepEqual(
          [status, headers['content-type'], headers['x-commucat-connect-mode'], body],
          [200, type, mode, opening],
        );
      }
    },
  );
}

test('given POST /connect, when no HELLO was sent, then the head is there already', limits, async () => {
  const peer = new Peer(gateway);
  const head = await peer.head();
  assert.deepEqual(
    [head[':status'], head['content-type'], head['cache-control'], head['x-commucat-connect-mode']],
    [200, 'application/octet-stream', 'no-store', 'binary'],
  );
  peer.close();
});

test('given a limit on handshakes, when an address exceeds it, then 429 names the wait', limits, async () => {
  const own = await startGateway([
    'security.rate_limit.connect_burst=2',
    'security.rate_limit.connect_window_ms=60000',
    'security.rate_limit.http_burst=2',
  ]);
  const statuses: number[] = [];
  for (let request = 0; request < 2; request += 1) {
    statuses.push((await overHttp2('GET', '/connect', own)).status);
  }
  assert.deepEqual(statuses, [200, 200]);
  const limited = await overHttp2('POST', '/connect', own);
  assert.deepEqual(
    [limited.status, limited.headers['content-type'], limited.headers['retry-after'], limited.body],
    [
      429,
      'application/problem+json',
      '30',
      '{"status":429,"title":"Too Many Requests","type":"about:blank"}',
    ],
  );
  for (const expected of [200, 200, 429]) {
    assert.equal((await overHttp2('GET', '/healthz', own)).status, expected);
  }
  await own.close();
});

test(
  'given HTTP/1.1 without ALPN, when POST /connect sends chunks, then AUTH comes back unchunked',
  limits,
  async () => {
    const helper = new Peer(gateway);
    const hello = encodeFrame(FRAME.HELLO, 0, 1, json(helper.helloJson));
    helper.close();
    const socket = tls.connect({
      host: '127.0.0.1',
      servername: 'localhost',
      port: gateway.port,
      ca: gateway.ca,
    });
    socket.write('POST /connect HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
    socket.write(`${hello.length.toString(16)}\r\n`);
    socket.write(hello);
    socket.write('\r\n');
    let answer = '';
    for await (const chunk of socket) {
      answer += (chunk as Buffer).toString('latin1');
      // AUTH is there; a client that ends its body now has given the handshake up.
      if (answer.includes('"supported_versions":[1]') && !socket.writableEnded) socket.write('0\r\n\r\n');
    }
    assert.match(answer, /^HTTP\/1\.1 200 /);
    assert.match(answer, /"server_static"/);
    assert.doesNotMatch(answer, /transfer-encoding|content-length/i);
  },
);

test('given TLS 1.2, when a client offers nothing newer, then there is no connection', limits, async () => {
  const { ca, port } = gateway;
  const socket = tls.connect({ host: '127.0.0.1', servername: 'localhost', port, ca, maxVersion: 'TLSv1.2' });
  await assert.rejects(
    new Promise((resolve, reject) => {
      socket.on('secureConnect', resolve);
      socket.on('error', reject);
    }),
  );
});

test('given garbage instead of HTTP, when it arrives, then the server goes on', limits, async () => {
  for (const ALPNProtocols of [['h2'], ['http/1.1']]) {
    const { ca, port } = gateway;
    const socket = tls.connect({ host: '127.0.0.1', servername: 'localhost', port, ca, ALPNProtocols });
    socket.on('error', () => undefined);
    socket.write(Buffer.alloc(1000, 0xee));
    await new Promise((resolve) => socket.on('close', resolve).resume());
  }
  assert.equal((await overHttp2('GET', '/readyz')).status, 200);
});
