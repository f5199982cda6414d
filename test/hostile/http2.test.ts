import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pause, until } from '../kit/waiting.ts';
import { RawHttp2 } from './attacker.ts';
import { Fortress, limitReached } from './fortress.ts';
import { FLAG, FRAME_TYPE, headerBlock, http2Frame, requestHeaders, uint32 } from './http2-frames.ts';

const limits = { timeout: 60_000 };
const CANCEL = 8;
const INITIAL_WINDOW_SIZE = 4;
const violation = (code: string): string => `commucat_http_violations_total{code="${code}"}`;
let fortress: Fortress;

before(async () => {
  fortress = await Fortress.start();
});
after(() => fortress[Symbol.asyncDispose]());

const open = (settings?: Uint8Array): Promise<RawHttp2> => RawHttp2.open(fortress, settings);

/** A GET that is complete. */
function get(stream: number, path: string): Buffer {
  return http2Frame(
    FRAME_TYPE.HEADERS,
    FLAG.END_HEADERS | FLAG.END_STREAM,
    stream,
    requestHeaders('GET', path),
  );
}

/** The head of a POST whose body is still to come. */
function post(stream: number, path = '/connect'): Buffer {
  return http2Frame(FRAME_TYPE.HEADERS, FLAG.END_HEADERS, stream, requestHeaders('POST', path));
}

function many(count: number, make: (index: number) => Uint8Array): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, index) => make(index)));
}

test(
  'rapid reset (CVE-2023-44487): given streams that are opened and reset at once, then the connection ends',
  limits,
  () =>
    fortress.withstand(
      async () => {
        const attack = async (path: string): Promise<void> => {
          const http2 = await open();
          const ended = await http2.sendUntilClosed(
            (round) =>
              many(50, (index) => {
                const stream = 2 * (50 * round + index) + 1;
                return Buffer.concat([
                  post(stream, path),
                  http2Frame(FRAME_TYPE.RST_STREAM, 0, stream, uint32(CANCEL)),
                ]);
              }),
            400,
          );
          assert.ok(ended);
        };
        await Promise.all([attack('/connect'), attack('/connect'), attack('/healthz')]);
      },
      { counted: [limitReached('http2_resets')] },
    ),
);

test(
  'made resets: given frames that make the server reset its streams, then the connection ends',
  limits,
  () =>
    fortress.withstand(
      async () => {
        const http2 = await open();
        // A window beyond its maximum is a stream error (RFC 9113, 6.9.1): the reset comes from the server.
        const ended = await http2.sendUntilClosed(
          (round) =>
            many(50, (index) => {
              const stream = 2 * (50 * round + index) + 1;
              return Buffer.concat([
                post(stream),
                http2Frame(FRAME_TYPE.WINDOW_UPDATE, 0, stream, uint32(0x7fff_ffff)),
              ]);
            }),
          400,
        );
        assert.ok(ended);
      },
      { counted: [violation('ERR_HTTP2_ERROR')] },
    ),
);

test('stream flood: given requests as fast as they are answered, then the connection ends', limits, () =>
  fortress.withstand(
    async () => {
      const http2 = await open();
      http2.send(http2Frame(FRAME_TYPE.WINDOW_UPDATE, 0, 0, uint32(100_000_000)));
      const answered = (): number =>
        http2.frames.filter(({ type, flags }) => type === FRAME_TYPE.DATA && flags === FLAG.END_STREAM)
          .length;
      for (let sent = 0; sent < 4000 && !http2.connection.socket.destroyed; sent += 100) {
        http2.send(many(100, (index) => get(2 * (sent + index) + 1, '/nothing')));
        await until(() => answered() >= sent + 100 || http2.connection.socket.destroyed);
      }
      assert.ok(http2.connection.socket.destroyed);
    },
    { counted: [limitReached('http2_streams')] },
  ),
);

test('CONTINUATION flood: given a head that never ends, then the connection ends', limits, () =>
  fortress.withstand(
    async () => {
      const http2 = await open();
      http2.send(http2Frame(FRAME_TYPE.HEADERS, 0, 1, requestHeaders('POST', '/connect')));
      const more = headerBlock({ 'x-filler': 'x'.repeat(16_000) });
      const ended = await http2.sendUntilClosed(() => http2Frame(FRAME_TYPE.CONTINUATION, 0, 1, more), 5000);
      assert.ok(ended);
    },
    { counted: [violation('ERR_HTTP2_ERROR')] },
  ),
);

test(
  'large head: given a head beyond 16 KiB in one piece, then the stream is refused and nothing else',
  limits,
  () =>
    fortress.withstand(
      async () => {
        const http2 = await open();
        const head = requestHeaders('GET', '/healthz', {
          'x-filler': 'x'.repeat(15_500),
          'x-more': 'x'.repeat(500),
        });
        http2.send(
          http2Frame(FRAME_TYPE.HEADERS, FLAG.END_HEADERS | FLAG.END_STREAM, 1, head.subarray(0, 16_384)),
        );
        http2.send(get(3, '/healthz'));
        await http2.connection.closed;
      },
      { counted: [] },
    ),
);

test('empty DATA flood: given frames without a byte, then the connection ends', limits, () =>
  fortress.withstand(
    async () => {
      const http2 = await open();
      http2.send(post(1));
      const empty = many(500, () => http2Frame(FRAME_TYPE.DATA, 0, 1));
      assert.ok(await http2.sendUntilClosed(() => empty, 1000));
    },
    { counted: [violation('ERR_HTTP2_TOO_MANY_INVALID_FRAMES')] },
  ),
);

test('PING flood: given pings as fast as they go, then the connection ends', limits, () =>
  fortress.withstand(
    async () => {
      const http2 = await open();
      const pings = many(100, () => http2Frame(FRAME_TYPE.PING, 0, 0, Buffer.alloc(8)));
      assert.ok(await http2.sendUntilClosed(() => pings, 1000));
    },
    { counted: [limitReached('http2_pings')] },
  ),
);

test('SETTINGS flood: given settings as fast as they go, then the connection ends', limits, () =>
  fortress.withstand(
    async () => {
      const http2 = await open();
      const setting = Buffer.concat([Buffer.from([0, INITIAL_WINDOW_SIZE]), uint32(65_535)]);
      const settings = many(100, () => http2Frame(FRAME_TYPE.SETTINGS, 0, 0, setting));
      assert.ok(await http2.sendUntilClosed(() => settings, 1000));
    },
    { counted: [limitReached('http2_settings')] },
  ),
);

test(
  'frames that are nothing: given window updates, priorities and unknown types, then the connection ends',
  limits,
  () =>
    fortress.withstand(
      async () => {
        const kinds = [
          () => http2Frame(FRAME_TYPE.PRIORITY, 0, 1, Buffer.from([0, 0, 0, 0, 16])),
          () => http2Frame(FRAME_TYPE.WINDOW_UPDATE, 0, 0, uint32(1)),
          () => http2Frame(0xbe, 0, 0, Buffer.alloc(64)),
        ];
        const attack = async (make: () => Uint8Array): Promise<void> => {
          const http2 = await open();
          http2.send(post(1));
          const frames = many(2000, make);
          assert.ok(await http2.sendUntilClosed(() => frames, 5000));
        };
        await Promise.all(kinds.map(attack));
      },
      { counted: [limitReached('http2_overhead')] },
    ),
);

test('zero window: given requests whose answers may not be sent, then each is given up in time', limits, () =>
  fortress.withstand(
    async () => {
      const http2 = await open(Buffer.concat([Buffer.from([0, INITIAL_WINDOW_SIZE]), uint32(0)]));
      http2.send(many(100, (index) => get(2 * index + 1, '/metrics')));
      const resets = () => http2.frames.filter(({ type }) => type === FRAME_TYPE.RST_STREAM).length;
      await until(() => resets() >= 100 || http2.connection.socket.destroyed);
      await http2.connection.closed;
    },
    { counted: [limitReached('response_ms'), limitReached('connection_idle_ms')] },
  ),
);

test(
  'a slow drip of window: given an answer that is taken byte by byte, then it is given up in time',
  limits,
  () =>
    fortress.withstand(
      async () => {
        const http2 = await open(Buffer.concat([Buffer.from([0, INITIAL_WINDOW_SIZE]), uint32(0)]));
        http2.send(get(1, '/metrics'));
        while (!http2.connection.socket.destroyed) {
          http2.send(http2Frame(FRAME_TYPE.WINDOW_UPDATE, 0, 1, uint32(1)));
          await pause(50);
        }
      },
      { counted: [limitReached('response_ms')] },
    ),
);

test(
  'lies: given frames whose lengths cannot be, then nothing more is taken from the connection',
  limits,
  () =>
    fortress.withstand(
      async () => {
        const PADDED = 8;
        const lies = [
          http2Frame(FRAME_TYPE.DATA, 0, 1, Buffer.alloc(100), 0xff_ffff),
          http2Frame(FRAME_TYPE.DATA, PADDED, 1, Buffer.from([200, 1, 2])),
          http2Frame(FRAME_TYPE.SETTINGS, 0, 0, Buffer.alloc(5)),
          http2Frame(FRAME_TYPE.DATA, 0, 7, Buffer.alloc(10)),
        ];
        const attack = async (lie: Uint8Array): Promise<void> => {
          const http2 = await open();
          http2.send(post(1), lie);
          await until(() => http2.goaway !== undefined);
          http2.connection.socket.destroy();
        };
        await Promise.all(lies.map(attack));
      },
      { counted: ['commucat_handshakes_rejected_total'] },
    ),
);

test('lies: given a content-length that the body does not have, then the session ends', limits, () =>
  fortress.withstand(
    async () => {
      const http2 = await open();
      const head = requestHeaders('POST', '/connect', { 'content-length': '3' });
      http2.send(http2Frame(FRAME_TYPE.HEADERS, FLAG.END_HEADERS, 1, head));
      http2.send(http2Frame(FRAME_TYPE.DATA, 0, 1, Buffer.alloc(100)));
      // Newer versions of Node.js end the connection for it.
      const isOver = (): boolean =>
        http2.connection.socket.destroyed ||
        http2.frames.some(({ type }) => type === FRAME_TYPE.RST_STREAM || type === FRAME_TYPE.GOAWAY);
      await until(isOver);
      http2.connection.socket.destroy();
    },
    { counted: ['commucat_handshakes_rejected_total'] },
  ),
);

test('never mind the protocol: given bytes that are no HTTP/2, then the connection ends', limits, () =>
  fortress.withstand(
    async () => {
      const http2 = await open();
      http2.send(Buffer.from('x'.repeat(1000)));
      await http2.connection.closed;
    },
    { counted: [[violation('ERR_HTTP2_ERROR'), limitReached('first_request_ms')]] },
  ),
);
