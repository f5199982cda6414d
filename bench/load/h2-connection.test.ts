import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { connectPlain } from './address.ts';
import { DoorClosedError } from './byte-stream.ts';
import { H2Connection } from './h2-connection.ts';

interface Peer {
  readonly server: Http2Server;
  connect(): Promise<H2Connection>;
}

async function startPeer(
  t: TestContext,
  onStream: (stream: ServerHttp2Stream, path: string) => void,
  settings: Parameters<typeof createServer>[0] = {},
): Promise<Peer> {
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer(settings);
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream, headers) => onStream(stream, headers[':path'] ?? ''));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { server, connect: async () => H2Connection.over(await connectPlain('127.0.0.1', port), 'peer') };
}

/** Collects what arrives; resolves when it is so much. */
function collect(stream: { onData: (chunk: Uint8Array) => void }, bytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  return new Promise((resolve) => {
    stream.onData = (chunk) => {
      chunks.push(Buffer.from(chunk));
      length += chunk.length;
      if (length >= bytes) resolve(Buffer.concat(chunks));
    };
  });
}

test('each unit is a DATA frame of its own, and what is echoed comes back in order', async (t) => {
  const sizes: number[] = [];
  const peer = await startPeer(t, (stream) => {
    stream.respond({ ':status': 200 });
    stream.on('data', (chunk: Buffer) => {
      sizes.push(chunk.length);
      stream.write(chunk);
    });
    stream.on('end', () => stream.end());
  });
  const stream = await (await peer.connect()).request('/');
  const units = Array.from({ length: 50 }, (_, index) => Buffer.alloc(256, index));
  const echoed = collect(stream, 50 * 256);
  for (const unit of units) stream.write(unit);
  assert.deepEqual(await echoed, Buffer.concat(units));
  assert.deepEqual(sizes, Array(50).fill(256));
  await stream.close();
});

test('given a small window, units wait until the other side has read', async (t) => {
  const length = 300_000;
  const peer = await startPeer(
    t,
    (stream) => {
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    },
    { settings: { initialWindowSize: 70_000 } },
  );
  const stream = await (await peer.connect()).request('/');
  const units = Array.from({ length: length / 30_000 }, (_, index) => Buffer.alloc(30_000, index));
  const echoed = collect(stream, length);
  for (const unit of units) stream.write(unit);
  assert.deepEqual(await echoed, Buffer.concat(units));
  await stream.close();
});

test('a response longer than every window arrives', async (t) => {
  const length = 9_000_000;
  const peer = await startPeer(t, (stream) => {
    stream.respond({ ':status': 200 });
    stream.end(Buffer.alloc(length, 7));
  });
  const stream = await (await peer.connect()).request('/');
  stream.onLost = () => undefined;
  assert.equal((await collect(stream, length)).length, length);
});

test('a refusal is an error that tells what the server said', async (t) => {
  const peer = await startPeer(t, (stream) => {
    stream.respond({ ':status': 501 });
    stream.end('not by this door');
  });
  const connection = await peer.connect();
  await assert.rejects(connection.request('/'), (error) => {
    assert.ok(error instanceof DoorClosedError);
    assert.equal(error.message, 'not by this door');
    return true;
  });
});

test('the connection lives as long as its last stream', async (t) => {
  const peer = await startPeer(t, (stream) => {
    stream.respond({ ':status': 200 });
    stream.on('data', (chunk: Buffer) => stream.write(chunk));
    stream.on('end', () => stream.end());
  });
  const closed = new Promise<void>((resolve) => {
    peer.server.on('session', (session) => session.on('close', resolve));
  });
  const connection = await peer.connect();
  const [first, second] = [await connection.request('/a'), await connection.request('/b')];
  await first.close();
  const echoed = collect(second, 5);
  second.write(Buffer.from('hello'));
  assert.equal((await echoed).toString(), 'hello');
  await second.close();
  await closed;
});

test('the number of streams that the server allows is known from the start', async (t) => {
  const peer = await startPeer(t, (stream) => stream.respond({ ':status': 200 }), {
    settings: { maxConcurrentStreams: 7 },
  });
  const connection = await peer.connect();
  assert.equal(connection.maxStreams, 7);
  connection.destroy();
});

test('a stream that the server gives up is lost, and says so once', async (t) => {
  const peer = await startPeer(t, (stream) => {
    stream.respond({ ':status': 200 });
    stream.on('data', () => stream.close(8));
    stream.on('error', () => undefined);
  });
  const stream = await (await peer.connect()).request('/');
  const errors: Error[] = [];
  const lost = new Promise<void>((resolve) => {
    stream.onLost = (error) => {
      errors.push(error);
      resolve();
    };
  });
  stream.write(Buffer.from('x'));
  await lost;
  await turn();
  assert.equal(errors.length, 1);
  assert.match(errors[0]?.message ?? '', /ended the stream|reset with code 8/);
});

test('a stream that is destroyed tells nobody', async (t) => {
  const peer = await startPeer(t, (stream) => {
    stream.respond({ ':status': 200 });
    stream.on('error', () => undefined);
  });
  const closed = new Promise<void>((resolve) => {
    peer.server.on('session', (session) => session.on('close', resolve));
  });
  const stream = await (await peer.connect()).request('/');
  stream.onLost = (error) => assert.fail(error);
  stream.destroy();
  await closed;
});
