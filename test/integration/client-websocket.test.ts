import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import {
  ClientError,
  connect,
  nodeClock,
  type TransportConnection,
  WebSocketTransport,
  type WebSocketTransportOptions,
} from '../../src/client/index.ts';
import { ensureDevIdentity } from '../../src/keys/dev-identity.ts';
import { systemClock, systemRandom } from '../../src/system/index.ts';
import { pause, until } from '../kit/waiting.ts';
import { startTestServer } from './client-support.ts';

const limits = { timeout: 20_000 };
let directory: string;
let server: Server;
let ca: Buffer;
let answer: (socket: WebSocket) => void = () => undefined;
const sockets = new WebSocketServer({ noServer: true });
before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'commucat-websocket-'));
  const identity = await ensureDevIdentity(directory, { clock: systemClock, random: systemRandom });
  ca = readFileSync(identity.caFile);
  server = createServer({ cert: readFileSync(identity.certFile), key: readFileSync(identity.keyFile) });
  server.on('upgrade', (request, socket, head) => {
    if (request.url === '/connect') sockets.handleUpgrade(request, socket, head, (peer) => answer(peer));
    else socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
after(() => {
  for (const socket of sockets.clients) socket.terminate();
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

interface Opened {
  readonly connection: TransportConnection;
  readonly chunks: Uint8Array[];
  readonly closed: Promise<Error | undefined>;
}

function origin(): string {
  return `https://localhost:${(server.address() as AddressInfo).port}`;
}

async function open(options: Partial<WebSocketTransportOptions> = {}): Promise<Opened> {
  const createWebSocket = (url: string) => new WebSocket(url, { ca });
  const transport = new WebSocketTransport({ url: origin(), createWebSocket, ...options }, nodeClock);
  const chunks: Uint8Array[] = [];
  let close: (error?: Error) => void = () => undefined;
  const closed = new Promise<Error | undefined>((resolve) => {
    close = resolve;
  });
  const receiver = {
    chunk: (bytes: Uint8Array) => chunks.push(bytes),
    closed: (error?: Error) => close(error),
  };
  const connection = await transport.open(receiver, new AbortController().signal);
  return { connection, chunks, closed };
}

const asText = (chunks: readonly Uint8Array[]) => Buffer.concat(chunks).toString();

test(
  'given a server that echoes, when bytes are written and the client ends, then they come back and the end is orderly',
  limits,
  async () => {
    let protocol: string | undefined;
    let ended: Promise<unknown> | undefined;
    answer = (socket) => {
      protocol = socket.protocol;
      ended = once(socket, 'close');
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    };
    const { connection, chunks, closed } = await open();
    connection.write(Buffer.from('one,'));
    connection.write(Buffer.from('two'));
    await until(() => asText(chunks) === 'one,two');
    assert.equal(protocol, '');
    connection.end();
    connection.write(Buffer.from('too late'));
    assert.equal(await closed, undefined);
    await ended;
    assert.equal(asText(chunks), 'one,two');
  },
);

test(
  'given a paused connection, when messages and the end of the server arrive, then they are handed over in order after resume',
  limits,
  async () => {
    answer = (socket) => {
      socket.on('message', () => {
        for (const part of ['a', 'b', 'c']) socket.send(Buffer.from(part));
        socket.close();
      });
    };
    const { connection, chunks, closed } = await open();
    connection.pause();
    connection.write(Buffer.from('go'));
    await Promise.all([...sockets.clients].map((socket) => once(socket, 'close')));
    await pause(20);
    assert.deepEqual(chunks, []);
    connection.resume();
    assert.equal(await closed, undefined);
    assert.equal(asText(chunks), 'abc');
  },
);

test(
  'given a paused connection, when more arrives than may be held, then it is given up with a typed error',
  limits,
  async () => {
    answer = (socket) => {
      for (let count = 0; count < 20; count += 1) socket.send(Buffer.alloc(1000));
    };
    const transportOptions = { maxHeldBytes: 10_000 };
    const { connection, closed } = await open(transportOptions);
    connection.pause();
    const error = await closed;
    assert.ok(error instanceof ClientError);
    assert.deepEqual([error.code, error.retryable], ['CLIENT_DISCONNECTED', true]);
  },
);

test(
  'given a server that closes with a code, when the client learns it, then it is an error that names the code',
  limits,
  async () => {
    answer = (socket) => socket.close(1013, 'later');
    const { closed } = await open();
    assert.match(String(await closed), /code 1013: later/);
  },
);

test(
  'given a connection that breaks, when the client learns it, then it is an error and not an orderly end',
  limits,
  async () => {
    answer = (socket) => socket.terminate();
    const { closed } = await open();
    assert.match(String(await closed), /code 1006/);
  },
);

test('given a text message, when it arrives, then the server has broken the protocol', limits, async () => {
  answer = (socket) => socket.send('text');
  const { closed } = await open();
  const error = await closed;
  assert.ok(error instanceof ClientError);
  assert.equal(error.code, 'CLIENT_PROTOCOL');
});

test(
  'given a server that refuses the upgrade, when the client connects, then it may try again: a page learns no status',
  limits,
  async () => {
    await assert.rejects(open({ url: `${origin()}/elsewhere` }), {
      code: 'CLIENT_TRANSPORT',
      retryable: true,
    });
  },
);

test(
  'given an attempt that takes long, when it is aborted, then it is rejected and nothing stays open',
  limits,
  async () => {
    const abort = new AbortController();
    const terminated: string[] = [];
    const transport = new WebSocketTransport(
      {
        url: origin(),
        createWebSocket: (url) => {
          const socket = new WebSocket(url, { ca });
          socket.once('close', () => terminated.push(url));
          return socket;
        },
      },
      nodeClock,
    );
    const receiver = { chunk: () => assert.fail('no bytes'), closed: () => assert.fail('never open') };
    const opening = transport.open(receiver, abort.signal);
    abort.abort();
    await assert.rejects(opening, { code: 'CLIENT_ABORTED' });
    await until(() => terminated.length > 0);
    assert.deepEqual(terminated, [`${origin().replace('https', 'wss')}/connect`]);
  },
);

test('given URLs of other schemes, when a transport is made of them, then they are refused', () => {
  for (const url of ['http://localhost', 'ws://localhost', 'nonsense']) {
    assert.throws(() => new WebSocketTransport({ url }, nodeClock), { code: 'CLIENT_OPTIONS' });
  }
});

test(
  'given a client over WebSocket, when it and one over HTTP/2 talk, and then nobody, then all arrives and its questions are answered',
  limits,
  async () => {
    const relay = await startTestServer(['server.auto_approve_devices=true']);
    try {
      let sent = 0;
      const createWebSocket = (url: string) => {
        const socket = new WebSocket(url, { ca: relay.ca });
        const send = socket.send.bind(socket);
        socket.send = (bytes: Uint8Array) => {
          sent += 1;
          send(bytes);
        };
        return socket;
      };
      const { url } = relay;
      const transport = new WebSocketTransport({ url, createWebSocket, heartbeatMs: 20 }, nodeClock);
      await using one = await connect({ ...relay.newDevice('one'), transport });
      await using other = await connect(relay.newDevice('other'));
      one.on('disconnected', ({ reason }) => assert.equal(one.state, 'closing', reason.message));
      const errors: string[] = [];
      one.on('error', ({ message }) => errors.push(message));
      await one.join(1, { members: ['other'] });
      await other.join(1, { members: ['one'] });
      await Promise.all([one.send(1, 'over HTTP/2'), other.send(1, 'over WebSocket')]);
      const heard = [];
      for (const client of [one, other]) {
        for await (const message of client.messages()) {
          heard.push(message.text);
          message.ack();
          break;
        }
      }
      assert.deepEqual(heard, ['over WebSocket', 'over HTTP/2']);
      const before = sent;
      await until(() => sent >= before + 10);
      assert.deepEqual(errors, []);
      assert.equal(one.state, 'connected');
    } finally {
      await relay.close();
    }
  },
);

test(
  'given channel 0, when a client wants to join it, then it is refused: the heartbeat leaves it',
  limits,
  async () => {
    const relay = await startTestServer(['server.auto_approve_devices=true']);
    try {
      await using client = await connect(relay.newDevice('zero'));
      await assert.rejects(client.join(0), { code: 'CLIENT_OPTIONS' });
    } finally {
      await relay.close();
    }
  },
);

test(
  'given an attempt that is due much later, when the program knows that the network is back, then it is made at once',
  limits,
  async () => {
    const relay = await startTestServer(['server.auto_approve_devices=true']);
    try {
      const never = { initialDelay: 1e9, maxDelay: 1e9 };
      const highest = {
        bytes: (length: number) => (length === 4 ? new Uint8Array(4).fill(0xff) : systemRandom.bytes(length)),
      };
      await using client = await connect({
        ...relay.newDevice('hurried'),
        reconnect: never,
        random: highest,
      });
      const away = new Promise((resolve) => client.on('disconnected', resolve));
      await relay.stop();
      await away;
      await relay.start();
      const back = new Promise((resolve) => client.on('connected', resolve));
      client.retryNow();
      client.retryNow();
      await back;
    } finally {
      await relay.close();
    }
  },
);
