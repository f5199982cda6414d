import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import {
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  ClientError,
  createClient,
  createDevice,
  Http2Transport,
  type Http2TransportOptions,
  MemoryDeviceStore,
  type TransportConnection,
  WebSocketTransport,
} from '../../src/client/index.ts';
import { nodeClock } from '../../src/client/platform-node.ts';
import { ensureDevIdentity } from '../../src/keys/dev-identity.ts';
import { systemClock, systemRandom } from '../../src/system/index.ts';

const limits = { timeout: 20_000 };
let directory: string;
let server: Http2SecureServer;
let ca: Buffer;
let answer: (stream: ServerHttp2Stream) => void = () => undefined;
const sockets = new Set<Socket>();
before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'commucat-transport-'));
  const identity = await ensureDevIdentity(directory, { clock: systemClock, random: systemRandom });
  ca = readFileSync(identity.caFile);
  server = createSecureServer({ cert: readFileSync(identity.certFile), key: readFileSync(identity.keyFile) });
  server.on('stream', (stream) => answer(stream));
  server.on('sessionError', () => undefined);
  server.on('secureConnection', (socket: Socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
after(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

interface Opened {
  readonly connection: TransportConnection;
  readonly chunks: Uint8Array[];
  readonly closed: Promise<Error | undefined>;
}

async function open(options: Partial<Http2TransportOptions> = {}, ticket?: string): Promise<Opened> {
  const { port } = server.address() as AddressInfo;
  const transport = new Http2Transport({ url: `https://localhost:${port}`, ca, ...options }, nodeClock);
  const chunks: Uint8Array[] = [];
  let close: (error?: Error) => void = () => undefined;
  const closed = new Promise<Error | undefined>((resolve) => {
    close = resolve;
  });
  const receiver = {
    chunk: (bytes: Uint8Array) => chunks.push(bytes),
    closed: (error?: Error) => close(error),
  };
  const connection = await transport.open(receiver, new AbortController().signal, ticket);
  return { connection, chunks, closed };
}

test(
  'given a ticket, when a request is made, then it stands in the header, and in the query of a WebSocket',
  limits,
  async () => {
    answer = (stream) => {
      stream.on('error', () => undefined);
      stream.respond({ ':status': 503 });
      stream.end();
    };
    const seen: (string | string[] | undefined)[] = [];
    const note = (_stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void => {
      seen.push(headers['commucat-ticket']);
    };
    server.on('stream', note);
    for (const ticket of [undefined, 'AWqM8_-']) await (await open({}, ticket)).closed;
    server.off('stream', note);
    assert.deepEqual(seen, [undefined, 'AWqM8_-']);
    const addresses: string[] = [];
    const createWebSocket = (address: string): never => {
      addresses.push(address);
      throw new Error('far enough');
    };
    const receiver = { chunk: () => undefined, closed: () => undefined };
    for (const url of ['https://localhost/', 'https://localhost/connect?mode=ws']) {
      const transport = new WebSocketTransport({ url, createWebSocket }, nodeClock);
      for (const ticket of [undefined, 'AWqM8_-']) {
        await assert.rejects(transport.open(receiver, new AbortController().signal, ticket), /far enough/);
      }
    }
    assert.deepEqual(addresses, [
      'wss://localhost/connect',
      'wss://localhost/connect?ticket=AWqM8_-',
      'wss://localhost/connect?mode=ws',
      'wss://localhost/connect?mode=ws&ticket=AWqM8_-',
    ]);
  },
);

test(
  'given a Retry-After of a month, when a client waits for it on the real clock, then no second request follows the first at once',
  limits,
  async () => {
    let requests = 0;
    answer = (stream) => {
      requests += 1;
      stream.on('error', () => undefined);
      stream.respond({ ':status': 503, 'retry-after': '2592000' });
      stream.end();
    };
    const { port } = server.address() as AddressInfo;
    const transport = new Http2Transport({ url: `https://localhost:${port}`, ca }, nodeClock);
    const client = createClient({
      url: `https://localhost:${port}`,
      transport,
      domain: 'nowhere',
      serverStatic: '11'.repeat(32),
      store: new MemoryDeviceStore(createDevice()),
      reconnect: { first: true },
    });
    const delay = await new Promise<number | undefined>((resolve) => {
      client.on('disconnected', (event) => resolve(event.delay));
      client.connect().catch(() => undefined);
    });
    assert.ok(delay !== undefined && delay >= 600_000 && delay < 660_000);
    // A delay that a platform cannot keep ends after 1 ms: a connection later, a second request would be here.
    const { closed } = await open();
    await closed;
    assert.equal(requests, 2);
    await client.close();
  },
);

for (const value of ['Wed, 21 Oct 2026 07:28:00 GMT', '0', '-5', '0.001', '1e3', '']) {
  test(
    `given ${JSON.stringify(value)} as Retry-After, when it is read, then the client waits as long as it would without it`,
    limits,
    async () => {
      answer = (stream) => {
        stream.on('error', () => undefined);
        stream.respond({ ':status': 503, 'retry-after': value });
        stream.end();
      };
      const { closed } = await open();
      const error = await closed;
      assert.ok(error instanceof ClientError);
      assert.deepEqual([error.retryAfterMs, error.retryable], [undefined, true]);
    },
  );
}

test(
  'given a status other than 200, when the server answers, then the body is not taken for frames and the error says when to come back',
  limits,
  async () => {
    answer = (stream) => {
      stream.on('error', () => undefined);
      stream.respond({ ':status': 429, 'retry-after': '30', 'content-type': 'application/problem+json' });
      stream.end('{"status":429}');
    };
    const { chunks, closed } = await open();
    const error = await closed;
    assert.ok(error instanceof ClientError);
    assert.deepEqual([error.code, error.retryable, error.retryAfterMs], ['CLIENT_HTTP', true, 30_000]);
    assert.deepEqual(chunks, []);
  },
);

test(
  'given a stream that the server ends, when it is read, then its bytes come first and the end is no error',
  limits,
  async () => {
    answer = (stream) => {
      stream.respond({ ':status': 200 });
      stream.end(Buffer.from('bytes'));
    };
    const { chunks, closed } = await open();
    assert.equal(await closed, undefined);
    assert.equal(Buffer.concat(chunks).toString(), 'bytes');
  },
);

test('given a stream that is reset, when it ends, then the client is told', limits, async () => {
  answer = (stream) => {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200 });
    stream.close(0x2);
  };
  const { closed, chunks } = await open();
  await closed;
  assert.deepEqual(chunks, []);
});

test(
  'given bytes before the answer, when they are written, then the server has them, and end is seen as the end of the request',
  limits,
  async () => {
    const got = new Promise<string>((resolve) => {
      answer = (stream) => {
        const parts: Buffer[] = [];
        stream.on('data', (part: Buffer) => parts.push(part));
        stream.on('end', () => {
          resolve(Buffer.concat(parts).toString());
          stream.respond({ ':status': 200 });
          stream.end();
        });
      };
    });
    const { connection, closed } = await open();
    connection.write(Buffer.from('hello '));
    connection.write(Buffer.from('server'));
    connection.end();
    connection.write(Buffer.from('too late'));
    assert.equal(await got, 'hello server');
    assert.equal(await closed, undefined);
  },
);

test(
  'given a peer that is silent on the network, when a ping has no answer, then the connection ends with CLIENT_TIMEOUT',
  limits,
  async () => {
    answer = (stream) => {
      stream.on('error', () => undefined);
      stream.respond({ ':status': 200 });
    };
    const { closed } = await open({ heartbeatMs: 20, heartbeatTimeoutMs: 20 });
    // Pings are answered at first; then nothing is read any more.
    await new Promise<void>((resolve) => nodeClock.after(100, resolve));
    for (const socket of sockets) pauseBelow(socket);
    const error = await closed;
    assert.ok(error && 'code' in error);
    assert.equal(error.code, 'CLIENT_TIMEOUT');
  },
);

test('given an abort while connecting, when it comes, then the promise is rejected', limits, async () => {
  const transport = new Http2Transport({ url: 'https://127.0.0.1:1', ca }, nodeClock);
  const receiver = { chunk: () => undefined, closed: () => undefined };
  await assert.rejects(transport.open(receiver, AbortSignal.abort()), { code: 'CLIENT_ABORTED' });
});

/** Stops reading the TCP connection under a TLS socket that node:http2 has taken over. */
function pauseBelow(socket: Socket): void {
  const { _handle: handle } = socket as Socket & { _handle?: { readStop?: () => void } };
  handle?.readStop?.();
}
