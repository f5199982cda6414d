import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { clientFrame, type FrameOptions } from '../../../../test/kit/websocket-frames.ts';
import { OPCODE } from './websocket-frame.ts';
import { WebSocketError, WebSocketReader } from './websocket-reader.ts';

const LIMITS = { maxBinary: 200_000, maxText: 1_000 };
const { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT } = OPCODE;

/** What a reader says about these bytes, binary payloads joined. */
function read(bytes: Uint8Array, sizes: readonly number[] = [bytes.length]): readonly string[] {
  const heard: string[] = [];
  let binary = '';
  const flush = () => {
    if (binary !== '') heard.push(`bytes ${binary}`);
    binary = '';
  };
  const note = (what: string) => {
    flush();
    heard.push(what);
  };
  const reader = new WebSocketReader(
    {
      onBytes: (view) => {
        binary += Buffer.from(view).toString('latin1');
      },
      onText: (message) => note(`text ${message}`),
      onOverhead: () => undefined,
      onTextHeld: () => undefined,
      onPing: (payload) => note(`ping ${payload}`),
      onPong: (payload) => note(`pong ${payload}`),
      onClose: (code) => note(`close ${code}`),
    },
    LIMITS,
  );
  try {
    let at = 0;
    for (let turn = 0; at < bytes.length; turn += 1) {
      const size = Math.max(1, sizes[turn % sizes.length] ?? 1);
      reader.push(Buffer.from(bytes.subarray(at, at + size)));
      at += size;
    }
  } catch (error) {
    if (!(error instanceof WebSocketError)) throw error;
    note(`failed ${error.closeCode} ${error.reason}: ${error.message}`);
  }
  flush();
  return heard;
}

function frames(...list: readonly (readonly [number, Uint8Array | string, FrameOptions?])[]): Buffer {
  return Buffer.concat(list.map(([opcode, payload, options]) => clientFrame(opcode, payload, options)));
}

const FIRST = { final: false } as const;

test('given a text message that comes in pieces, then what is kept of it is told, and that it is over', () => {
  const held: number[] = [];
  const ignore = (): void => undefined;
  const reader = new WebSocketReader(
    {
      onBytes: ignore,
      onText: () => held.push(-1),
      onTextHeld: (bytes) => held.push(bytes),
      onOverhead: ignore,
      onPing: ignore,
      onPong: ignore,
      onClose: ignore,
    },
    { maxBinary: 10, maxText: 10_000 },
  );
  const message = clientFrame(TEXT, 'x'.repeat(5000));
  for (let at = 0; at < message.length; at += 1000) reader.push(Buffer.from(message.subarray(at, at + 1000)));
  assert.deepEqual(held.slice(-2), [0, -1]);
  const growth = held.slice(0, -2);
  assert.ok(growth.length > 1 && growth.every((bytes, index) => bytes > (growth[index - 1] ?? 0)));
});

test('given a text message that nobody wants any more, when the rest of it and others come, then nothing is kept or told but the close frame', () => {
  const heard: string[] = [];
  const ignore = (): void => undefined;
  const reader = new WebSocketReader(
    {
      onBytes: ignore,
      onText: () => heard.push('text'),
      onTextHeld: () => heard.push('held'),
      onOverhead: ignore,
      onPing: ignore,
      onPong: ignore,
      onClose: (code) => heard.push(`close ${code}`),
    },
    { maxBinary: 10, maxText: 10_000 },
  );
  const message = clientFrame(TEXT, 'x'.repeat(5_000));
  reader.push(Buffer.from(message.subarray(0, 1_000)));
  assert.deepEqual(heard.splice(0), ['held']);
  reader.discardText();
  reader.push(Buffer.from(message.subarray(1_000)));
  reader.push(Buffer.from(message));
  reader.push(clientFrame(CLOSE, Buffer.from([3, 232])));
  assert.deepEqual(heard, ['close 1000']);
});

test('given any frames in chunks of any size, when they are read, then they say the same', () => {
  const message = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((payload) => frames([BINARY, payload])),
    fc.string({ unit: 'grapheme', maxLength: 60 }).map((text) => frames([TEXT, text])),
    fc.uint8Array({ maxLength: 125 }).map((payload) => frames([PING, payload])),
    fc.uint8Array({ maxLength: 125 }).map((payload) => frames([PONG, payload])),
    fc
      .tuple(fc.constantFrom(TEXT, BINARY), fc.array(fc.string({ maxLength: 20 }), { maxLength: 4 }))
      .map(([opcode, parts]) =>
        Buffer.concat([
          frames([opcode, 'a', FIRST]),
          ...parts.map((part) => frames([CONTINUATION, part, FIRST], [PING, 'within'])),
          frames([CONTINUATION, 'z']),
        ]),
      ),
  );
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
      (list, sizes) => {
        const bytes = Buffer.concat(list);
        assert.deepEqual(read(bytes, sizes), read(bytes));
      },
    ),
    { seed: 6455, numRuns: 300 },
  );
});

test('given lengths around every boundary, when they are read, then nothing is lost', () => {
  for (const length of [0, 1, 125, 126, 127, 65_535, 65_536, 200_000]) {
    const payload = Buffer.alloc(length, 'x');
    assert.equal(
      read(frames([BINARY, payload])).join('').length,
      length === 0 ? 0 : 'bytes '.length + length,
    );
  }
});

test('given a control frame between fragments, when it is read, then it comes at once and the message goes on', () => {
  const bytes = frames([TEXT, 'Hel', FIRST], [PING, '!'], [CONTINUATION, 'lo', FIRST], [CONTINUATION, '']);
  assert.deepEqual(read(bytes), ['ping !', 'text Hello']);
});

test('given frames that bring nothing, when they begin, then each is counted, and others are not', () => {
  let overhead = 0;
  const ignore = () => undefined;
  const reader = new WebSocketReader(
    {
      onBytes: ignore,
      onText: ignore,
      onOverhead: () => {
        overhead += 1;
      },
      onTextHeld: () => undefined,
      onPing: ignore,
      onPong: ignore,
      onClose: ignore,
    },
    LIMITS,
  );
  reader.push(
    frames([BINARY, 'x', FIRST], [CONTINUATION, '', FIRST], [PING, 'x'], [CONTINUATION, 'y'], [PONG, '']),
  );
  assert.equal(overhead, 3);
});

test('given bytes behind a close frame, when they are read, then they mean nothing', () => {
  const close = Buffer.from([0x03, 0xe8]);
  assert.deepEqual(read(Buffer.concat([frames([CLOSE, close]), Buffer.alloc(9, 0xff)])), ['close 1000']);
  assert.deepEqual(read(frames([CLOSE, ''])), ['close undefined']);
});

const code = (value: number, reason: string | Buffer = '') =>
  Buffer.concat([Buffer.from([value >> 8, value & 255]), Buffer.from(reason)]);

for (const value of [1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999]) {
  test(`given close code ${value}, when it is read, then it is one`, () => {
    assert.deepEqual(read(frames([CLOSE, code(value, 'why')])), [`close ${value}`]);
  });
}

const PROTOCOL: readonly (readonly [string, Buffer])[] = [
  ['RSV1', frames([BINARY, 'x', { reserved: 4 }])],
  ['RSV2', frames([BINARY, 'x', { reserved: 2 }])],
  ['RSV3 on a control frame', frames([PING, 'x', { reserved: 1 }])],
  ['opcode 3', frames([3, 'x'])],
  ['opcode 7', frames([7, 'x'])],
  ['opcode 11', frames([11, ''])],
  ['opcode 15', frames([15, ''])],
  ['an unmasked frame', frames([BINARY, 'x', { mask: null }])],
  ['a continuation of nothing', frames([CONTINUATION, 'x'])],
  ['a continuation behind a whole message', frames([BINARY, ''], [CONTINUATION, 'x'])],
  ['a text within a message', frames([BINARY, 'x', FIRST], [TEXT, 'y'])],
  ['a ping in fragments', frames([PING, 'x', FIRST])],
  ['a ping of 126 bytes', frames([PING, Buffer.alloc(126)])],
  ['125 in two bytes', frames([BINARY, Buffer.alloc(125), { lengthBytes: 2 }])],
  ['65535 in eight bytes', frames([BINARY, Buffer.alloc(65_535), { lengthBytes: 8 }])],
  ['a negative length', frames([BINARY, '', { length: 1n << 63n }])],
  ['half a close code', frames([CLOSE, 'x'])],
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535].map(
    (value) => [`close code ${value}`, frames([CLOSE, code(value)])] as const,
  ),
];
for (const [name, bytes] of PROTOCOL) {
  test(`given ${name}, when it is read, then the connection fails with 1002`, () => {
    assert.match(read(bytes).at(-1) ?? 'nothing', /^failed 1002 websocket_protocol/);
  });
}

for (const [name, bytes] of [
  ['a binary frame', frames([BINARY, '', { length: 200_001 }])],
  ['a length of almost 2^63', frames([BINARY, '', { length: (1n << 63n) - 1n }])],
  ['fragments', frames([BINARY, Buffer.alloc(150_000), FIRST], [CONTINUATION, '', { length: 50_001 }])],
  ['a text', frames([TEXT, '', { length: 1_001 }])],
  ['a text in fragments', frames([TEXT, Buffer.alloc(999, 'x'), FIRST], [CONTINUATION, '', { length: 2 }])],
] as const) {
  test(`given ${name} above the limit, when only its header came, then the connection fails with 1009`, () => {
    // The last four bytes are the mask, which nobody needs to see.
    const heard = read(bytes.subarray(0, bytes.length - 4));
    assert.match(heard.at(-1) ?? 'nothing', /^failed 1009 websocket_too_big/);
  });
}

for (const [name, bytes] of [
  ['a text', frames([TEXT, Buffer.from([0x48, 0xff])])],
  ['a text with an encoded surrogate', frames([TEXT, Buffer.from([0xed, 0xa0, 0x80])])],
  ['a text that ends within a character', frames([TEXT, Buffer.from([0xe2, 0x82])])],
  ['a close reason', frames([CLOSE, code(1000, Buffer.from([0xc0, 0xaf]))])],
] as const) {
  test(`given ${name} that is not UTF-8, when it is read, then the connection fails with 1007`, () => {
    assert.match(read(bytes).at(-1) ?? 'nothing', /^failed 1007 websocket_text/);
  });
}

test('given a character split over fragments, when it is read, then it is whole', () => {
  const euro = Buffer.from('€');
  const bytes = frames([TEXT, euro.subarray(0, 1), FIRST], [CONTINUATION, euro.subarray(1)]);
  assert.deepEqual(read(bytes, [1]), ['text €']);
});

test('given a length that grows byte by byte, when the text never comes, then no memory is spent on it', () => {
  const never = () => assert.fail('nothing is complete');
  const reader = new WebSocketReader(
    {
      onBytes: never,
      onText: never,
      onOverhead: never,
      onTextHeld: () => undefined,
      onPing: never,
      onPong: never,
      onClose: never,
    },
    { maxBinary: 1, maxText: 1e12 },
  );
  // Would be a terabyte.
  reader.push(clientFrame(TEXT, '', { length: 1e12 }));
  reader.push(Buffer.from('x'));
});
