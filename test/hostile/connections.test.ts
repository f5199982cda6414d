import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { stringifyJson } from '../../src/protocol/json/json-writer.ts';
import { pause, until } from '../kit/waiting.ts';
import { openTcp, openTls, type RawConnection, RawHttp2 } from './attacker.ts';
import { Fortress, limitReached } from './fortress.ts';
import { FLAG, FRAME_TYPE, http2Frame, PREFACE, requestHeaders } from './http2-frames.ts';

const limits = { timeout: 60_000 };
let fortress: Fortress;

before(async () => {
  fortress = await Fortress.start();
});
after(() => fortress[Symbol.asyncDispose]());

/** One byte at a time, for ever. */
async function drip(connection: RawConnection, bytes: Uint8Array): Promise<void> {
  for (const byte of bytes) {
    if (connection.socket.destroyed) return;
    connection.write(Uint8Array.of(byte));
    await Promise.race([pause(40), connection.closed]);
  }
}

test(
  'half-open TCP: given 150 connections that say nothing, then the first are given a moment and the rest none',
  limits,
  () =>
    fortress.withstand(
      async () => {
        const connections = Array.from({ length: 150 }, () => openTcp(fortress));
        await Promise.all(connections.map(({ closed }) => closed));
      },
      { counted: [limitReached('half_open_per_address'), limitReached('tls_handshake_ms')] },
    ),
);

for (const protocol of ['h2', 'http/1.1'] as const) {
  test(
    `half-open TLS: given ${protocol} connections that say nothing after TLS, then they are closed`,
    limits,
    () =>
      fortress.withstand(
        async () => {
          const connections = await Promise.all(
            Array.from({ length: 15 }, () => openTls(fortress, protocol)),
          );
          await Promise.all(connections.map(({ closed }) => closed));
        },
        { counted: [limitReached('first_request_ms')] },
      ),
  );
}

test('drip: given a TLS handshake, byte by byte, then it is over in time', limits, () =>
  fortress.withstand(
    async () => {
      // The head of a ClientHello of 512 bytes that never comes.
      const hello = Buffer.concat([Buffer.from('1603010200010001fc0303', 'hex'), Buffer.alloc(500)]);
      const connection = openTcp(fortress);
      await drip(connection, hello);
      await connection.closed;
    },
    { counted: [limitReached('tls_handshake_ms')] },
  ),
);

test('drip: given heads of requests, byte by byte, then they are over in time', limits, () =>
  fortress.withstand(
    async () => {
      const [http1, http2] = await Promise.all([openTls(fortress, 'http/1.1'), openTls(fortress, 'h2')]);
      const head = Buffer.from(`GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: ${'x'.repeat(1000)}`);
      await Promise.all([drip(http1, head), drip(http2, PREFACE)]);
      await Promise.all([http1.closed, http2.closed]);
    },
    { counted: [limitReached('first_request_ms')] },
  ),
);

test('drip: given a HELLO, byte by byte, then the handshake is over in time', limits, () =>
  fortress.withstand(
    async () => {
      const stranger = fortress.stranger();
      const dripping = (async () => {
        for (let sent = 0; sent < 2000 && !stranger.stream.destroyed; sent += 1) {
          // A frame of 256 bytes, of which none is the last.
          stranger.write(Uint8Array.of(sent < 2 ? 0x80 : 0x02));
          await pause(40);
        }
      })();
      const answer = await stranger.next();
      assert.deepEqual(answer?.json, { detail: 'invalid request', error: 'handshake' });
      await stranger.end();
      stranger.close();
      await dripping;
    },
    {
      counted: [
        limitReached('hello_timeout_ms'),
        'commucat_handshakes_rejected_total{reason="hello_deadline"}',
      ],
    },
  ),
);

test(
  'half a handshake: given 8 devices that never send AUTH, then each handshake is over in time',
  limits,
  () =>
    fortress.withstand(
      async () => {
        const strangers = Array.from({ length: 8 }, () => fortress.stranger());
        for (const stranger of strangers) stranger.plain(FRAME.HELLO, 0, 1, stringifyJson(stranger.hello));
        for (const stranger of strangers) {
          assert.equal((await stranger.next())?.type, FRAME.AUTH);
          assert.deepEqual((await stranger.next())?.json, { detail: 'invalid request', error: 'handshake' });
          await stranger.end();
          stranger.close();
        }
      },
      {
        counted: [
          limitReached('auth_timeout_ms'),
          'commucat_handshakes_rejected_total{reason="auth_deadline"}',
        ],
      },
    ),
);

test(
  'flood: given 60 connections at once, then as many as allowed stay and the rest is closed',
  limits,
  async () => {
    await using narrow = await Fortress.start([
      'limits.connections_per_address=10',
      'limits.first_request_ms=60000',
    ]);
    await narrow.withstand(
      async () => {
        const connections = Array.from({ length: 60 }, () =>
          openTls(narrow, 'http/1.1').catch(() => undefined),
        );
        const open = (await Promise.all(connections)).filter((connection) => connection !== undefined);
        assert.equal(open.length, 10);
        for (const { socket } of open) socket.destroy();
      },
      { counted: [limitReached('connections_per_address')] },
    );
  },
);

test('flood: given more handshakes at once than allowed, then the rest is told to come later', limits, () =>
  fortress.withstand(
    async () => {
      const http2 = await RawHttp2.open(fortress);
      const head = requestHeaders('POST', '/connect');
      for (let stream = 1; stream < 80; stream += 2) {
        http2.send(http2Frame(FRAME_TYPE.HEADERS, FLAG.END_HEADERS, stream, head));
      }
      const refusals = (): number =>
        http2.frames.filter(({ payload }) => payload.includes('too many handshakes at once')).length;
      await until(() => refusals() >= 20 || http2.connection.socket.destroyed);
      assert.equal(refusals(), 20);
      http2.connection.socket.destroy();
    },
    { counted: [limitReached('handshakes_per_address')] },
  ),
);

test('slow reader: given answers that nobody takes, over HTTP/1.1, then the connection ends', limits, () =>
  fortress.withstand(
    async () => {
      const connection = await openTls(fortress, 'http/1.1');
      connection.socket.pause();
      // More answers than the buffers of two operating systems hold.
      const request = Buffer.from('GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n');
      const flood = async (): Promise<void> => {
        while (!connection.socket.destroyed) {
          connection.write(Buffer.concat(Array.from({ length: 20 }, () => request)));
          await pause(20);
        }
      };
      await Promise.race([connection.closed, flood()]);
    },
    { counted: [[limitReached('response_ms'), limitReached('first_request_ms')]] },
  ),
);
