// RFC 6455, the server's side: the opening handshake, framing, closing.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { encodeFrame } from '../../src/protocol/frames/frame.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { json, startGateway, type TestGateway } from '../integration/gateway-support.ts';
import { RawTls } from '../kit/raw-tls.ts';
import { clientFrame, type ServerFrame, ServerFrames } from '../kit/websocket-frames.ts';

const limits = { timeout: 20_000 };
let gateway: TestGateway;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway.close());

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const FIELDS: Readonly<Record<string, string | undefined>> = {
  Host: 'localhost',
  Upgrade: 'websocket',
  Connection: 'Upgrade',
  'Sec-WebSocket-Key': KEY,
  'Sec-WebSocket-Version': '13',
};

function request(fields: Readonly<Record<string, string | undefined>> = {}, start = 'GET /connect'): string {
  const all = Object.entries({ ...FIELDS, ...fields }).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}\r\n`],
  );
  return `${start} HTTP/1.1\r\n${all.join('')}\r\n`;
}

/** A WebSocket behind its opening handshake. */
class Client {
  readonly raw = new RawTls(gateway);
  readonly #frames = new ServerFrames();
  #waiting: ServerFrame[] = [];

  static async open(behind: Uint8Array = Buffer.alloc(0)): Promise<Client> {
    const client = new Client();
    client.raw.write(Buffer.concat([Buffer.from(request()), behind]));
    assert.equal((await client.raw.head()).status, 101);
    return client;
  }

  send(opcode: number, payload: Uint8Array | string, options?: Parameters<typeof clientFrame>[2]): this {
    this.raw.write(clientFrame(opcode, payload, options));
    return this;
  }

  /** The next frame; undefined when the server has closed the connection. */
  async next(): Promise<ServerFrame | undefined> {
    for (;;) {
      const frame = this.#waiting.shift();
      if (frame !== undefined) return frame;
      const bytes = await this.raw.take((received) =>
        received.length > 0 ? { value: received, bytes: received.length } : undefined,
      );
      if (bytes === undefined) return undefined;
      this.#waiting = [...this.#frames.push(bytes)];
    }
  }

  /** `[code, reason]` of the server's close frame, which is answered; then the server closes the connection. */
  async closed(): Promise<readonly [number | undefined, string]> {
    for (let frame = await this.next(); frame !== undefined; frame = await this.next()) {
      if (frame.opcode !== 0x8) continue;
      this.send(0x8, frame.payload.subarray(0, 2));
      assert.equal(await this.next(), undefined, 'nothing follows a close frame');
      const { payload } = frame;
      return [payload.length === 0 ? undefined : payload.readUInt16BE(), payload.toString('utf8', 2)];
    }
    assert.fail('no close frame');
  }
}

/** Bytes that the handshake answers with an ERROR frame: they show that a message has arrived. */
const NOT_HELLO = encodeFrame(FRAME.MSG, 0, 1, Buffer.from('x'));

async function answersWithError(client: Client): Promise<void> {
  const frame = await client.next();
  assert.deepEqual([frame?.opcode, frame?.final], [0x2, true]);
  assert.match(String(frame?.payload), /invalid request/);
  assert.deepEqual(await client.closed(), [1008, 'handshake']);
}

test(
  '4.2.2: given the key of the RFC, when it is accepted, then with the value of the RFC',
  limits,
  async () => {
    const raw = new RawTls(gateway).write(
      request({ 'Sec-WebSocket-Protocol': 'chat', 'Sec-WebSocket-Extensions': 'permessage-deflate' }),
    );
    const { status, fields } = await raw.head();
    assert.equal(status, 101);
    assert.equal(fields.get('upgrade'), 'websocket');
    assert.equal(fields.get('connection'), 'Upgrade');
    assert.equal(fields.get('sec-websocket-accept'), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    assert.equal(fields.get('x-commucat-connect-mode'), 'websocket');
    assert.equal(fields.size, 4, 'neither a subprotocol nor an extension');
    raw.close();
  },
);

for (const [name, text] of [
  ['any spelling of the tokens', request({ Upgrade: 'WebSocket', Connection: 'keep-alive, UPGRADE' })],
  ['an origin of any kind', request({ Origin: 'https://elsewhere.example' })],
  ['the mode in the query', request({}, 'GET /connect?mode=ws')],
] as const) {
  test(`4.2.1: given ${name}, when it is asked, then 101`, limits, async () => {
    const raw = new RawTls(gateway).write(text);
    assert.equal((await raw.head()).status, 101);
    raw.close();
  });
}

const mode = 'GET /connect?mode=websocket';
for (const [name, text, expected] of [
  ['POST', request({ 'Content-Length': '0' }, 'POST /connect'), 405],
  ['POST without Upgrade', request({ Upgrade: undefined }, 'POST /connect?mode=ws'), 405],
  ['no Upgrade', request({ Upgrade: undefined }, mode), 400],
  ['another Upgrade', request({ Upgrade: 'h2c' }, mode), 400],
  ['no Connection', request({ Connection: undefined }, mode), 400],
  ['another Connection', request({ Connection: 'keep-alive' }, mode), 400],
  ['no version', request({ 'Sec-WebSocket-Version': undefined }), 400],
  ['version 8', request({ 'Sec-WebSocket-Version': '8' }), 400],
  ['no key', request({ 'Sec-WebSocket-Key': undefined }), 400],
  ['a key that is not UTF-8', request({ 'Sec-WebSocket-Key': '\xff\xfe' }), 400],
  ['a key of 15 bytes', request({ 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25j' }), 400],
  ['HTTP/1.0', request().replace('HTTP/1.1', 'HTTP/1.0'), 400],
] as const) {
  test(
    `4.2.1: given ${name}, when it is asked, then ${expected} and nothing in the body`,
    limits,
    async () => {
      const raw = new RawTls(gateway).write(text);
      const { status, fields } = await raw.head();
      assert.equal(status, expected);
      assert.deepEqual(
        [fields.get('content-length'), fields.get('cache-control')],
        ['0', 'private, no-store'],
      );
      assert.equal(fields.get('sec-websocket-version'), name === 'version 8' ? '13' : undefined);
      raw.close();
    },
  );
}

test(
  '4.4: given an upgrade to anything else, when it is asked, then the request is served without it',
  limits,
  async () => {
    const h2c = { Upgrade: 'h2c', Connection: 'Upgrade, HTTP2-Settings', 'HTTP2-Settings': '' };
    const raw = new RawTls(gateway).write(request(h2c, 'GET /readyz'));
    const { status, fields } = await raw.head();
    assert.deepEqual([status, fields.get('content-length')], [200, '5']);
    assert.equal(String(await raw.rest()), 'ready');
    const session = new RawTls(gateway).write(
      request({ 'Transfer-Encoding': 'chunked' }, 'POST /connect?mode=sse') +
        `${NOT_HELLO.length.toString(16)}\r\n${Buffer.from(NOT_HELLO).toString('latin1')}\r\n`,
    );
    const head = await session.head();
    assert.deepEqual([head.status, head.fields.get('x-commucat-connect-mode')], [200, 'sse']);
    assert.match(String(await session.rest()), /^:ready\n\nevent: frame\nid: 1\ndata: /);
  },
);

test('4.2: given an address above its limit, when it asks for WebSocket, then 429', limits, async () => {
  const own = await startGateway([
    'security.rate_limit.connect_burst=1',
    'security.rate_limit.connect_window_ms=30000',
  ]);
  const first = new RawTls(own).write(request());
  assert.equal((await first.head()).status, 101);
  const second = new RawTls(own).write(request());
  const { status, fields } = await second.head();
  assert.deepEqual([status, fields.get('retry-after'), fields.get('connection')], [429, '30', 'close']);
  assert.match(String(await second.rest()), /Too Many Requests/);
  first.close();
  await own.close();
});

test('5.2: given frames right behind the request, when they arrive, then they count', limits, async () => {
  await answersWithError(await Client.open(clientFrame(0x2, NOT_HELLO)));
});

test('5.2: given a frame byte by byte, when it is complete, then it counts', limits, async () => {
  const client = await Client.open();
  for (const byte of clientFrame(0x2, NOT_HELLO)) client.raw.write(Buffer.from([byte]));
  await answersWithError(client);
});

test(
  '5.4: given fragments with pings between, when they arrive, then pongs at once and the whole message',
  limits,
  async () => {
    const client = await Client.open();
    client.send(0x2, NOT_HELLO.subarray(0, 2), { final: false }).send(0x9, 'one');
    assert.deepEqual(await client.next(), { final: true, opcode: 0xa, payload: Buffer.from('one') });
    client.send(0x0, '', { final: false }).send(0x9, 'two');
    assert.deepEqual(await client.next(), { final: true, opcode: 0xa, payload: Buffer.from('two') });
    client.send(0x0, NOT_HELLO.subarray(2));
    await answersWithError(client);
  },
);

test(
  '5.5.2: given pings of any size, when they arrive, then pongs with the same payload',
  limits,
  async () => {
    const client = await Client.open();
    for (const size of [0, 1, 125]) {
      const payload = Buffer.alloc(size, 0xfe);
      client.send(0x9, payload);
      assert.deepEqual(await client.next(), { final: true, opcode: 0xa, payload });
    }
    client.raw.close();
  },
);

test('5.5.3: given a pong that nobody asked for, when it arrives, then nothing', limits, async () => {
  const client = await Client.open();
  client
    .send(0xa, 'unasked')
    .send(0xa, Buffer.from([0, 0, 0, 1]))
    .send(0x2, NOT_HELLO);
  await answersWithError(client);
});

test(
  '5.6: given text, when it is base64, then it counts as its bytes, else it is dropped',
  limits,
  async () => {
    const client = await Client.open();
    client
      .send(0x1, 'hello, {"world"}')
      .send(0x1, '')
      .send(0x1, ` ${Buffer.from(NOT_HELLO).toString('base64')}\n`);
    await answersWithError(client);
    const texts = /^commucat_websocket_texts_dropped_total (\d+)/m.exec(await gateway.metrics.expose());
    assert.equal(texts?.[1], '1');
  },
);

for (const [name, payload, expected] of [
  ['no code', Buffer.alloc(0), undefined],
  ['1000', Buffer.from([0x03, 0xe8]), 1000],
  ['1001 and a reason', Buffer.concat([Buffer.from([0x03, 0xe9]), Buffer.from('going')]), 1001],
  ['4999', Buffer.from([0x13, 0x87]), 4999],
] as const) {
  test(
    `5.5.1: given a close frame with ${name}, when it arrives, then its code comes back`,
    limits,
    async () => {
      const client = await Client.open();
      client.send(0x8, payload).send(0x2, NOT_HELLO);
      assert.deepEqual(await client.closed(), [expected, '']);
    },
  );
}

for (const [name, expected, frames] of [
  ['an unmasked frame (5.1)', 1002, [clientFrame(0x2, 'x', { mask: null })]],
  ['a reserved bit (5.2)', 1002, [clientFrame(0x2, 'x', { reserved: 4 })]],
  ['a reserved opcode (5.2)', 1002, [clientFrame(0x3, 'x')]],
  ['a reserved control opcode (5.2)', 1002, [clientFrame(0xb, '')]],
  ['a length that is longer than it needs to be (5.2)', 1002, [clientFrame(0x2, 'x', { lengthBytes: 8 })]],
  ['a message within a message (5.4)', 1002, [clientFrame(0x2, '', { final: false }), clientFrame(0x2, '')]],
  ['a continuation of nothing (5.4)', 1002, [clientFrame(0x0, 'x')]],
  ['a ping in fragments (5.5)', 1002, [clientFrame(0x9, 'x', { final: false })]],
  ['a ping of 126 bytes (5.5)', 1002, [clientFrame(0x9, Buffer.alloc(126))]],
  ['half a close code (5.5.1)', 1002, [clientFrame(0x8, 'x')]],
  ['close code 1005 (7.4.1)', 1002, [clientFrame(0x8, Buffer.from([0x03, 0xed]))]],
  ['a text that is not UTF-8 (8.1)', 1007, [clientFrame(0x1, Buffer.from([0xff]))]],
  ['a close reason that is not UTF-8 (8.1)', 1007, [clientFrame(0x8, Buffer.from([0x03, 0xe8, 0xff]))]],
  ['a message of 2^63 - 1 bytes (7.4.1)', 1009, [clientFrame(0x2, '', { length: (1n << 63n) - 1n })]],
  ['a text of a megabyte (7.4.1)', 1009, [clientFrame(0x1, '', { length: 1_048_576 })]],
] as const) {
  test(
    `7.1.7: given ${name}, when it arrives, then the connection fails with ${expected}`,
    limits,
    async () => {
      const client = await Client.open();
      client.raw.write(Buffer.concat(frames));
      // A word behind it that must not be heard.
      client.send(0x2, NOT_HELLO);
      const [code, reason] = await client.closed();
      assert.equal(code, expected);
      assert.match(
        await gateway.metrics.expose(),
        new RegExp(`commucat_handshakes_rejected_total\\{reason="${reason}"\\}`),
      );
    },
  );
}

test(
  '7.1.4: given a TCP end without a close frame, when it comes, then the handshake is abandoned',
  limits,
  async () => {
    const client = await Client.open();
    client.raw.socket.end();
    assert.equal(await client.next(), undefined);
  },
);

test('7.4.1: given a server that stops, when it closes, then 1001 and its reason', limits, async () => {
  const own = await startGateway();
  const raw = new RawTls(own).write(request());
  assert.equal((await raw.head()).status, 101);
  // The server has seen the request, so the session exists.
  const closing = own.gateway.close(5_000);
  const frame = await raw.take((received) =>
    received.length >= 2 + 2 + 'shutting_down'.length
      ? { value: received.toString('latin1'), bytes: received.length }
      : undefined,
  );
  assert.equal(frame, `\x88\x0f\x03\xe9shutting_down`);
  raw.write(clientFrame(0x8, Buffer.from([0x03, 0xe9])));
  await raw.rest();
  raw.close();
  await closing;
  await own.close();
});

test('5.3: given masks of all kinds, when a handshake frame is masked, then it is read', limits, async () => {
  for (const mask of [Buffer.alloc(4), Buffer.alloc(4, 0xff), Buffer.from([1, 2, 3, 4])]) {
    const client = await Client.open();
    client.send(0x2, encodeFrame(FRAME.HELLO, 0, 1, json({ pattern: 'XK' })), { mask });
    const frame = await client.next();
    assert.match(String(frame?.payload), /"error":"handshake"/);
    client.raw.close();
  }
});
