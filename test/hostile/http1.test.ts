import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { pause } from '../kit/waiting.ts';
import { clientFrame } from '../kit/websocket-frames.ts';
import { openTcp, openTls, type RawConnection } from './attacker.ts';
import { Fortress } from './fortress.ts';

const limits = { timeout: 60_000 };
const OPCODE = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9 } as const;
const violation = (code: string): string => `commucat_http_violations_total{code="${code}"}`;
const abandoned = (reason: string): string => `commucat_handshakes_rejected_total{reason="${reason}"}`;
let fortress: Fortress;

before(async () => {
  fortress = await Fortress.start();
});
after(() => fortress[Symbol.asyncDispose]());

/** Sends the text as it is and returns all that came back until the server closed. */
async function say(text: string): Promise<string> {
  const connection = await openTls(fortress, 'http/1.1');
  connection.write(Buffer.from(text, 'latin1'));
  await connection.closed;
  return connection.received().toString('latin1');
}

for (const [what, head] of [
  ['two lengths', 'content-length: 5\r\ncontent-length: 6\r\n'],
  ['a length and chunks', 'content-length: 5\r\ntransfer-encoding: chunked\r\n'],
  ['chunks under another name', 'transfer-encoding: chunked, identity\r\n'],
  ['a length that is no number', 'content-length: 5x\r\n'],
  ['a name with a space before its colon', 'content-length : 5\r\n'],
] as const) {
  test(
    `smuggling: given ${what}, then the request is refused and nothing behind it is a request`,
    limits,
    () =>
      fortress.withstand(
        async () => {
          const answer = await say(
            `POST /connect HTTP/1.1\r\nhost: localhost\r\n${head}\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n`,
          );
          assert.match(answer, /^HTTP\/1\.1 400 /);
          assert.doesNotMatch(answer, /healthy/);
        },
        { counted: ['commucat_http_violations_total'] },
      ),
  );
}

test(
  'lies: given a body that ends early or goes on, then the session sees the body that was announced',
  limits,
  () =>
    fortress.withstand(
      async () => {
        const long = await openTls(fortress, 'http/1.1');
        long.write(
          Buffer.from(
            `POST /connect HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n${'x'.repeat(500)}`,
          ),
        );
        await long.closed;
        const short = await openTls(fortress, 'http/1.1');
        short.write(
          Buffer.from(
            'POST /connect HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999\r\n\r\n\x81\x02',
          ),
        );
        await short.closed;
        const chunk = await openTls(fortress, 'http/1.1');
        chunk.write(
          Buffer.from(
            'POST /connect HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\nx',
          ),
        );
        await chunk.closed;
      },
      {
        counted: [
          'commucat_handshakes_total{pattern="unknown",result="abandoned"}',
          violation('HPE_INVALID_CHUNK_SIZE'),
        ],
      },
    ),
);

test('large head: given headers without end, then the request is refused with 431', limits, () =>
  fortress.withstand(
    async () => {
      const answer = await say(
        `GET /healthz HTTP/1.1\r\nhost: localhost\r\n${'x-filler: xxxxxxxxxx\r\n'.repeat(5000)}`,
      );
      assert.match(answer, /^HTTP\/1\.1 431 /);
    },
    { counted: [violation('HPE_HEADER_OVERFLOW')] },
  ),
);

test('no HTTP: given bytes of other protocols, then they are refused', limits, () =>
  fortress.withstand(
    async () => {
      assert.match(await say('SSH-2.0-OpenSSH_9.2\r\n\r\n'), /^HTTP\/1\.1 400 /);
      const noTls = openTcp(fortress);
      noTls.write(Buffer.from('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n'));
      await noTls.closed;
    },
    {
      counted: [
        violation('HPE_INVALID_METHOD'),
        'commucat_connections_refused_total{listener="tls",reason="not_tls"}',
      ],
    },
  ),
);

test(
  'forged PROXY header: given headers from an address that is no proxy, then the connection ends',
  limits,
  () =>
    fortress.withstand(
      async () => {
        const binary = Buffer.from('0d0a0d0a000d0a515549540a2111000c7f0000017f00000104d201bb', 'hex');
        for (const forged of [Buffer.from('PROXY TCP4 127.0.0.1 127.0.0.1 1234 443\r\n'), binary]) {
          const connection = openTcp(fortress);
          connection.write(forged);
          await connection.closed;
          assert.ok(connection.received().length < 50);
        }
      },
      { counted: ['commucat_connections_refused_total{listener="tls",reason="not_tls"}'] },
    ),
);

test(
  'forged X-Forwarded-For: given a header from an address that is no proxy, then it is not read',
  limits,
  () =>
    fortress.withstand(
      async () => {
        const head = 'host: localhost\r\nconnection: close\r\n';
        const own = await say(`GET /metrics HTTP/1.1\r\n${head}x-forwarded-for: 192.0.2.1\r\n\r\n`);
        // The header is not read: the address stays that of the socket, which is loopback.
        assert.match(own, /^HTTP\/1\.1 200 /);
      },
      { counted: [] },
    ),
);

async function webSocket(): Promise<RawConnection> {
  const connection = await openTls(fortress, 'http/1.1');
  const key = randomBytes(16).toString('base64');
  const upgrade = `upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\n`;
  connection.write(Buffer.from(`GET /connect HTTP/1.1\r\nhost: localhost\r\n${upgrade}\r\n`));
  while (!connection.received().includes('\r\n\r\n')) {
    await Promise.race([pause(5), connection.closed]);
    assert.equal(connection.socket.destroyed, false);
  }
  assert.match(connection.received().toString('latin1'), /^HTTP\/1\.1 101 /);
  return connection;
}

const MIB = 1_048_576;

for (const [what, bytes] of [
  ['a frame without a mask', clientFrame(OPCODE.BINARY, 'x', { mask: null })],
  ['reserved bits', clientFrame(OPCODE.BINARY, 'x', { reserved: 7 })],
  ['a fragmented control frame', clientFrame(OPCODE.PING, 'x', { final: false })],
  ['a control frame of 200 bytes', clientFrame(OPCODE.PING, 'x'.repeat(200))],
  ['a continuation of nothing', clientFrame(OPCODE.CONTINUATION, 'x')],
  ['a length of 2^63', clientFrame(OPCODE.BINARY, 'x', { length: 2n ** 63n, lengthBytes: 8 })],
  ['a length that needs fewer bytes', clientFrame(OPCODE.BINARY, 'x', { lengthBytes: 8 })],
  ['an unknown opcode', clientFrame(0xb, 'x')],
  [
    'a message within a message',
    Buffer.concat([clientFrame(OPCODE.BINARY, 'x', { final: false }), clientFrame(OPCODE.BINARY, 'y')]),
  ],
] as const) {
  test(`WebSocket: given ${what}, then the connection ends`, limits, () =>
    fortress.withstand(
      async () => {
        const connection = await webSocket();
        connection.write(bytes);
        await connection.closed;
      },
      { counted: [abandoned('websocket_protocol')] },
    ),
  );
}

test(
  'WebSocket: given fragments without end, or a message of gigabytes, then memory does not follow',
  limits,
  () =>
    fortress.withstand(
      async () => {
        const piece = Buffer.alloc(MIB);
        for (const fragment of [
          () => clientFrame(OPCODE.CONTINUATION, piece, { final: false }),
          () => clientFrame(OPCODE.CONTINUATION, '', { final: false }),
        ]) {
          const connection = await webSocket();
          connection.write(clientFrame(OPCODE.BINARY, '', { final: false }));
          for (let sent = 0; sent < 100 && !connection.socket.destroyed; sent += 1) {
            connection.write(fragment());
            if (connection.socket.writableNeedDrain) await Promise.race([pause(20), connection.closed]);
          }
          await connection.closed;
        }
        const huge = await webSocket();
        huge.write(clientFrame(OPCODE.BINARY, piece, { length: 4_000_000_000, lengthBytes: 8 }));
        await huge.closed;
      },
      // Less than one connection sends.
      { counted: ['commucat_handshakes_total{pattern="unknown",result="rejected"}'], growth: 96 },
    ),
);

test('WebSocket: given pings as fast as they go, then the connection ends', limits, () =>
  fortress.withstand(
    async () => {
      const connection = await webSocket();
      const pings = Buffer.concat(Array.from({ length: 100 }, () => clientFrame(OPCODE.PING, 'ping')));
      while (!connection.socket.destroyed) {
        connection.write(pings);
        await Promise.race([pause(connection.socket.writableNeedDrain ? 20 : 1), connection.closed]);
      }
    },
    { counted: [abandoned('websocket_flood')] },
  ),
);
