import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type WebSocket, WebSocketServer } from 'ws';
import { connectPlain } from './address.ts';
import { DoorClosedError } from './byte-stream.ts';
import { WebSocketStream } from './web-socket-stream.ts';

async function startPeer(
  t: TestContext,
  onSocket: (socket: WebSocket) => void,
): Promise<() => Promise<WebSocketStream>> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, path: '/connect' });
  server.on('connection', onSocket);
  await once(server, 'listening');
  t.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return async () => WebSocketStream.over(await connectPlain('127.0.0.1', port), '/connect');
}

test('messages of every length go to and fro unchanged, each by itself', async (t) => {
  const received: number[] = [];
  const connect = await startPeer(t, (socket) => {
    socket.on('message', (data: Buffer) => {
      received.push(data.length);
      socket.send(data);
    });
  });
  const stream = await connect();
  const lengths = [0, 1, 125, 126, 65_535, 65_536, 100_000];
  const units = lengths.map((length) => Buffer.alloc(length, length % 251));
  const echoed: Buffer[] = [];
  const done = new Promise<void>((resolve) => {
    stream.onData = (chunk) => {
      echoed.push(Buffer.from(chunk));
      if (echoed.length === units.length) resolve();
    };
  });
  for (const unit of units) stream.write(unit);
  await done;
  assert.deepEqual(received, lengths);
  assert.deepEqual(echoed, units);
  await stream.close();
});

test('a ping is answered, and what comes with the answer to the upgrade is not lost', async (t) => {
  let pong = '';
  const connect = await startPeer(t, (socket) => {
    socket.on('pong', (data) => {
      pong = data.toString();
      socket.send(Buffer.from('after the pong'));
    });
    socket.ping('are you there');
  });
  const stream = await connect();
  const text = await new Promise<string>((resolve) => {
    stream.onData = (chunk) => resolve(Buffer.from(chunk).toString());
  });
  assert.equal(text, 'after the pong');
  assert.equal(pong, 'are you there');
  await stream.close();
});

test('a server that closes is a loss', async (t) => {
  const connect = await startPeer(t, (socket) => socket.close());
  const stream = await connect();
  const error = await new Promise<Error>((resolve) => {
    stream.onLost = resolve;
  });
  assert.match(error.message, /closed/);
});

test('a server that does not switch protocols is a closed door', async (t) => {
  const server = createServer((_, response) => response.writeHead(501).end('no WebSocket here'));
  server.on('upgrade', (_, socket) => socket.end('HTTP/1.1 501 Not Implemented\r\n\r\nno WebSocket here'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  await assert.rejects(WebSocketStream.over(await connectPlain('127.0.0.1', port), '/connect'), (error) => {
    assert.ok(error instanceof DoorClosedError);
    assert.match(error.message, /501 Not Implemented/);
    return true;
  });
});
