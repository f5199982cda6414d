import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { haproxyMissing } from '../haproxy/haproxy-process.ts';
import { pause } from '../kit/waiting.ts';
import { RawHttp2 } from './attacker.ts';
import { Fortress, limitReached } from './fortress.ts';
import { FLAG, FRAME_TYPE, headerBlock, http2Frame, requestHeaders, uint32 } from './http2-frames.ts';

// What attackers do to a connection that HAProxy shares between them and the two who talk: Chat fails when a session of
// theirs ends, so a test that passes has seen the connection live.

const skip = haproxyMissing() ?? false;
const limits = { skip, timeout: 60_000 };
const CANCEL = 8;
const INITIAL_WINDOW_SIZE = 4;
let fortress: Fortress;

before(async () => {
  if (skip !== false) return;
  fortress = await Fortress.start(
    ['limits.http2_streams=200', 'limits.http2_resets=50', 'limits.first_request_ms=10000'],
    { way: 'HAProxy' },
  );
});
after(() => fortress?.[Symbol.asyncDispose]());

function post(stream: number, path = '/connect'): Buffer {
  return http2Frame(FRAME_TYPE.HEADERS, FLAG.END_HEADERS, stream, requestHeaders('POST', path));
}

function get(stream: number, path: string): Buffer {
  const flags = FLAG.END_HEADERS | FLAG.END_STREAM;
  return http2Frame(FRAME_TYPE.HEADERS, flags, stream, requestHeaders('GET', path));
}

function many(count: number, make: (index: number) => Uint8Array): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, index) => make(index)));
}

/** Connections without TLS that the server has now, as the kernel knows them. */
function backendConnections(): number {
  const port = fortress.plainPort.toString(16).toUpperCase().padStart(4, '0');
  const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n');
  return rows.filter((row) =>
    new RegExp(`^ *\\d+: [0-9A-F]{8}:${port} [0-9A-F]{8}:[0-9A-F]{4} 01 `).test(row),
  ).length;
}

test('sharing: given ten clients, then they come over as many connections as one', limits, async () => {
  for (let count = 0; count < 10; count += 1) await fortress.intruder();
  // Those of health checks may be there for a moment.
  const count = backendConnections();
  assert.ok(count > 0 && count < 5, `${count} connections`);
});

test(
  'storm: given sessions of one address that are all dropped at once, again and again, then the others keep theirs',
  limits,
  () =>
    fortress.withstand(
      async () => {
        for (let round = 0; round < 3; round += 1) {
          const clients = [];
          for (let count = 0; count < 10; count += 1) clients.push(await fortress.intruder());
          for (const client of clients) client.close();
        }
      },
      { counted: ['commucat_sessions_closed_total'] },
    ),
);

test(
  'rapid reset: given streams that are opened and reset at once, then their address gets no more for a while, and the shared connection lives',
  limits,
  () =>
    fortress.withstand(
      async () => {
        const http2 = await RawHttp2.open(fortress);
        for (let round = 0; round < 40 && !http2.connection.socket.destroyed; round += 1) {
          const streams = Array.from({ length: 50 }, (_, index) => 2 * (50 * round + index) + 1);
          http2.send(...streams.map((stream) => post(stream)));
          // HAProxy lets nobody know of what is over before it has looked at it.
          await pause(10);
          http2.send(
            ...streams.map((stream) => http2Frame(FRAME_TYPE.RST_STREAM, 0, stream, uint32(CANCEL))),
          );
        }
        http2.connection.socket.destroy();
      },
      { counted: [[limitReached('http2_resets'), limitReached('http2_streams')]] },
    ),
);

test(
  'stream flood: given requests as fast as they are answered, then those beyond the limit of the address are refused',
  limits,
  () =>
    fortress.withstand(
      async () => {
        const http2 = await RawHttp2.open(fortress);
        http2.send(http2Frame(FRAME_TYPE.WINDOW_UPDATE, 0, 0, uint32(100_000_000)));
        const over = (): number =>
          http2.frames.filter(
            ({ type, flags }) =>
              type === FRAME_TYPE.RST_STREAM ||
              (type !== FRAME_TYPE.SETTINGS && (flags & FLAG.END_STREAM) !== 0),
          ).length;
        for (let sent = 0; sent < 1000 && !http2.connection.socket.destroyed; sent += 50) {
          http2.send(many(50, (index) => get(2 * (sent + index) + 1, '/nothing')));
          while (over() < sent + 50 && !http2.connection.socket.destroyed) await pause(5);
        }
        http2.connection.socket.destroy();
      },
      { counted: [limitReached('http2_streams')] },
    ),
);

test(
  'floods of frames: given PING, SETTINGS, CONTINUATION and empty DATA without end, then none of it reaches the shared connection',
  limits,
  () =>
    fortress.withstand(
      async () => {
        const setting = Buffer.concat([Buffer.from([0, INITIAL_WINDOW_SIZE]), uint32(65_535)]);
        const filler = headerBlock({ 'x-filler': 'x'.repeat(16_000) });
        const kinds = [
          () => http2Frame(FRAME_TYPE.PING, 0, 0, Buffer.alloc(8)),
          () => http2Frame(FRAME_TYPE.SETTINGS, 0, 0, setting),
          () => http2Frame(FRAME_TYPE.DATA, 0, 1),
          () => http2Frame(FRAME_TYPE.CONTINUATION, 0, 3, filler),
        ];
        const attack = async (make: () => Uint8Array): Promise<void> => {
          const http2 = await RawHttp2.open(fortress);
          http2.send(post(1));
          const frames = many(20, make);
          for (let round = 0; round < 100 && !http2.connection.socket.destroyed; round += 1) {
            http2.send(frames);
            await pause(10);
          }
          http2.connection.socket.destroy();
        };
        await Promise.all(kinds.map(attack));
      },
      { counted: [] },
    ),
);

test(
  'zero window: given requests and sessions whose answers may not be sent, then the others are answered',
  limits,
  () =>
    fortress.withstand(
      async () => {
        const zero = Buffer.concat([Buffer.from([0, INITIAL_WINDOW_SIZE]), uint32(0)]);
        const http2 = await RawHttp2.open(fortress, zero);
        http2.send(many(20, (index) => get(2 * index + 1, '/api/server-info')));
        http2.send(many(10, (index) => post(2 * index + 101)));
        await fortress.talk(20);
        http2.connection.socket.destroy();
      },
      { counted: [] },
    ),
);
