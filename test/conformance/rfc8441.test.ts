// RFC 8441: WebSocket over HTTP/2.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { encodeFrame } from '../../src/protocol/frames/frame.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { startGateway, type TestGateway } from '../integration/gateway-support.ts';
import { GET_READYZ, H2, H2_FLAG, type H2Frame, h2Frame, RawHttp2, uint32 } from '../kit/raw-http2.ts';
import { clientFrame, type ServerFrame, ServerFrames } from '../kit/websocket-frames.ts';

const limits = { timeout: 20_000 };
let gateway: TestGateway;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway.close());

type Fields = readonly (readonly [string, string])[];

const OPENING: Fields = [
  [':method', 'CONNECT'],
  [':protocol', 'websocket'],
  [':scheme', 'https'],
  [':path', '/connect'],
  [':authority', 'localhost'],
  ['sec-websocket-version', '13'],
  ['sec-websocket-protocol', 'chat'],
  ['sec-websocket-extensions', 'permessage-deflate'],
  ['origin', 'https://elsewhere.example'],
];

function changed(name: string, value: string | undefined): Fields {
  return OPENING.flatMap(([known, old]) => {
    if (known !== name) return [[known, old] as const];
    return value === undefined ? [] : [[known, value] as const];
  });
}

const OPEN = 0;
const NOT_HELLO = encodeFrame(FRAME.MSG, 0, 1, Buffer.from('x'));

/** One HTTP/2 connection that has seen the server's SETTINGS. */
async function connected(): Promise<RawHttp2> {
  const client = new RawHttp2(gateway);
  await client.until(({ type }) => type === H2.SETTINGS);
  return client;
}

/** The fields of a response that the tests look for: the server's encoder writes them plain or with Huffman codes. */
async function statusOf(client: RawHttp2, stream: number): Promise<number> {
  const head = await client.until((frame) => frame.type === H2.HEADERS && frame.stream === stream);
  const first = head.payload[0] ?? 0;
  // RFC 7541, appendix A: statuses that have an index of their own.
  const indexed = { 136: 200, 140: 400, 141: 404 }[first];
  if (indexed !== undefined) return indexed;
  // A literal whose name is index 8: its value is three digits, mostly with Huffman codes of five bits each.
  const huffman = ((head.payload[1] ?? 0) & 0x80) !== 0;
  const bytes = head.payload.subarray(2);
  if (!huffman) return Number(bytes.toString('latin1', 0, 3));
  return digits(bytes);
}

/** RFC 7541, appendix B: digits 0 to 2 are 00000 to 00010, digits 3 to 9 are 011001 to 011111. */
function digits(bytes: Buffer): number {
  let bits = '';
  for (const byte of bytes.subarray(0, 3)) bits += byte.toString(2).padStart(8, '0');
  let text = '';
  while (text.length < 3) {
    const short = Number.parseInt(bits.slice(0, 5), 2);
    const size = short <= 2 ? 5 : 6;
    text += size === 5 ? short : Number.parseInt(bits.slice(0, 6), 2) - 0b011001 + 3;
    bits = bits.slice(size);
  }
  return Number(text);
}

/** WebSocket frames of a stream, and how it ended. */
async function heard(client: RawHttp2, stream: number): Promise<{ frames: ServerFrame[]; end: string }> {
  const reader = new ServerFrames();
  const frames: ServerFrame[] = [];
  for (;;) {
    const frame: H2Frame | undefined = await client.next();
    if (frame === undefined) return { frames, end: 'closed' };
    if (frame.stream !== stream) continue;
    if (frame.type === H2.RST_STREAM) return { frames, end: `reset ${frame.payload.readUInt32BE()}` };
    if (frame.type !== H2.DATA) continue;
    frames.push(...reader.push(frame.payload));
    if ((frame.flags & H2_FLAG.END_STREAM) !== 0) return { frames, end: 'end' };
    const close = frames.find(({ opcode }) => opcode === 0x8);
    if (close !== undefined) {
      client.send(h2Frame(H2.DATA, H2_FLAG.END_STREAM, stream, clientFrame(0x8, close.payload)));
    }
  }
}

test('3: given a connection, when it opens, then SETTINGS_ENABLE_CONNECT_PROTOCOL is 1', limits, async () => {
  const client = new RawHttp2(gateway);
  const { payload } = await client.until(({ type }) => type === H2.SETTINGS);
  const values = new Map<number, number>();
  for (let at = 0; at < payload.length; at += 6) {
    values.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
  }
  assert.equal(values.get(0x8), 1);
  client.close();
});

test(
  '5: given an extended CONNECT, when it is asked, then 200, and DATA carries WebSocket frames',
  limits,
  async () => {
    const client = await connected();
    client.request(1, OPENING, OPEN);
    assert.equal(await statusOf(client, 1), 200);
    const message = Buffer.concat([clientFrame(0x9, 'ping'), clientFrame(0x2, NOT_HELLO)]);
    for (const byte of message) client.send(h2Frame(H2.DATA, 0, 1, Buffer.from([byte])));
    const { frames, end } = await heard(client, 1);
    assert.deepEqual(
      frames.map(({ opcode }) => opcode),
      [0xa, 0x2, 0x8],
    );
    assert.match(String(frames[1]?.payload), /invalid request/);
    assert.equal(end, 'end');
    client.close();
  },
);

for (const [what, fields, expected] of [
  ['no version', changed('sec-websocket-version', undefined), 400],
  ['version 8', changed('sec-websocket-version', '8'), 400],
  ['another protocol', changed(':protocol', 'connect-udp'), 501],
  ['another path', changed(':path', '/elsewhere'), 404],
  ['another mode in the query', changed(':path', '/connect?mode=sse'), 404],
] as const) {
  test(`5: given ${what}, when it is asked, then ${expected}`, limits, async () => {
    const client = await connected();
    client.request(1, fields, OPEN);
    assert.equal(await statusOf(client, 1), expected);
    client.close();
  });
}

for (const [what, fields, expected] of [
  [
    'GET for the mode',
    [...GET_READYZ.filter(([name]) => name !== ':path'), [':path', '/connect?mode=ws']],
    400,
  ],
  [
    'POST for the mode',
    [
      [':method', 'POST'],
      [':scheme', 'https'],
      [':path', '/connect?mode=ws'],
      [':authority', 'localhost'],
    ],
    405,
  ],
] as const) {
  test(
    `5: given ${what} without an extended CONNECT, when it is asked, then ${expected}`,
    limits,
    async () => {
      const client = await connected();
      client.request(1, fields);
      assert.equal(await statusOf(client, 1), expected);
      client.close();
    },
  );
}

for (const name of [':scheme', ':path']) {
  test(
    `4: given an extended CONNECT without ${name}, when it is asked, then the stream is reset`,
    limits,
    async () => {
      const client = await connected();
      client.request(1, changed(name, undefined), OPEN);
      assert.equal(await client.verdict(), 'RST_STREAM PROTOCOL_ERROR');
      client.close();
    },
  );
}

test(
  '5: given a WebSocket and requests on one connection, when one ends, then the others go on',
  limits,
  async () => {
    const client = await connected();
    client.request(1, OPENING, OPEN);
    assert.equal(await statusOf(client, 1), 200);
    client.request(3, OPENING, OPEN);
    assert.equal(await statusOf(client, 3), 200);
    client.send(h2Frame(H2.RST_STREAM, 0, 1, uint32(0x8)));
    client.request(5);
    assert.equal(await statusOf(client, 5), 200);
    client.send(h2Frame(H2.DATA, 0, 3, clientFrame(0x9, 'still here')));
    const pong = await client.until(({ stream, type }) => stream === 3 && type === H2.DATA);
    assert.equal(pong.payload.toString('latin1'), '\x8a\x0astill here');
    client.close();
  },
);

test(
  '5: given END_STREAM without a close frame, when it comes, then the stream ends, and no close frame pretends',
  limits,
  async () => {
    const client = await connected();
    client.request(1, OPENING, OPEN);
    assert.equal(await statusOf(client, 1), 200);
    client.send(h2Frame(H2.DATA, H2_FLAG.END_STREAM, 1));
    assert.deepEqual(await heard(client, 1), { frames: [], end: 'end' });
    client.close();
  },
);

test(
  '5: given frames that break RFC 6455, when they come, then a close frame says so and the stream ends',
  limits,
  async () => {
    const client = await connected();
    client.request(1, OPENING, OPEN);
    assert.equal(await statusOf(client, 1), 200);
    client.send(h2Frame(H2.DATA, 0, 1, clientFrame(0x2, 'x', { mask: null })));
    const { frames, end } = await heard(client, 1);
    assert.deepEqual([frames[0]?.opcode, frames[0]?.payload.readUInt16BE(), end], [0x8, 1002, 'end']);
    client.close();
  },
);
