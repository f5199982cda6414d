import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { encodeFrame } from '../../src/protocol/frames/frame.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { until } from '../kit/waiting.ts';
import { Peer } from './gateway-peer.ts';
import { json, startGateway, type TestGateway, text } from './gateway-support.ts';

const limits = { timeout: 20_000 };
let gateway: TestGateway;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway.close());

async function connected(
  options?: ConstructorParameters<typeof Peer>[1],
): Promise<{ peer: Peer; session: number }> {
  const peer = new Peer(gateway, options);
  await peer.connect();
  return { peer, session: gateway.relay.begun.at(-1) ?? assert.fail('not begun') };
}

function endOf(session: number): string | undefined {
  const ends = gateway.relay.ends.filter((end) => end.session === session);
  assert.ok(ends.length <= 1, 'closed twice');
  return ends[0]?.reason;
}

async function reasonOf(session: number): Promise<string | undefined> {
  await until(() => endOf(session) !== undefined);
  return endOf(session);
}

test(
  'given frames in every split over records and chunks, when they arrive, then the relay gets each once',
  limits,
  async () => {
    const { peer, session } = await connected();
    const frames = [10, 2000, 0, 65_000].map((length, index) =>
      encodeFrame(FRAME.MSG, 9, 3 + index, new Uint8Array(length).fill(index)),
    );
    const plain = Buffer.concat(frames);
    peer.write(peer.record(new Uint8Array(0)));
    peer.write(peer.record(plain.subarray(0, 7)));
    peer.write(
      Buffer.concat([peer.record(plain.subarray(7, 1500)), peer.record(plain.subarray(1500, 3000))]),
    );
    const tail = peer.record(plain.subarray(3000));
    for (let at = 0; at < tail.length; at += 977) peer.write(tail.subarray(at, at + 977));
    for (const sequence of [3, 4, 5, 6]) {
      const ack = await peer.next();
      assert.equal(ack && text(ack.payload), `{"ack":${sequence}}`);
    }
    const lengths = gateway.relay.frames
      .filter((frame) => frame.session === session)
      .map((f) => f.payload.length);
    assert.deepEqual(lengths, [10, 2000, 0, 65_000]);
    peer.close();
    assert.equal(await reasonOf(session), 'connection_lost');
  },
);

test(
  'given more than a record holds, when it is flushed once, then it arrives in order and the mark follows',
  limits,
  async () => {
    const { peer, session } = await connected();
    const { links, relay } = gateway;
    for (let sequence = 1; sequence <= 300; sequence += 1) {
      links.send(session, FRAME.MSG, 7, sequence, new Uint8Array(1000).fill(sequence));
    }
    assert.ok(links.backlog(session) > 300_000);
    links.flush(session, 4711);
    for (let sequence = 1; sequence <= 300; sequence += 1) {
      const frame = await peer.next();
      assert.equal(frame?.sequence, sequence);
      assert.ok(frame.payload.length === 1000 && frame.payload.every((byte) => byte === (sequence & 255)));
    }
    await until(() => relay.marks.includes(4711));
    assert.equal(links.backlog(session), 0);
    links.flush(session, 4712);
    await until(() => relay.marks.includes(4712));
    peer.close();
  },
);

test('given the largest frame that a record carries, when it is sent, then it arrives', limits, async () => {
  const { peer, session } = await connected();
  const payload = new Uint8Array(65_519 - 10).fill(1);
  gateway.links.send(session, FRAME.MSG, 7, 5, payload);
  gateway.links.flush(session, 0);
  assert.equal((await peer.next())?.payload.length, payload.length);
  assert.throws(() => gateway.links.send(session, FRAME.MSG, 7, 5, new Uint8Array(65_519)), RangeError);
  peer.close();
});

for (const [name, bytes] of [
  ['a record of length 0', new Uint8Array([0])],
  ['a record of length 15', new Uint8Array([15])],
  ['a record above 65535', new Uint8Array([0xf0, 0xa2, 0x04])],
  ['an endless length prefix', new Uint8Array(10).fill(0xff)],
  ['a record that does not decrypt', new Uint8Array(41).fill(0xaa).fill(40, 0, 1)],
] as const) {
  test(`given ${name}, when it arrives, then the stream ends without a word`, limits, async () => {
    const { peer, session } = await connected();
    peer.write(bytes);
    assert.equal(await peer.next(), undefined);
    assert.equal(await reasonOf(session), 'record');
    peer.close();
  });
}

for (const [name, bytes] of [
  ['an unknown frame type', new Uint8Array([4, 0x7f, 0, 1, 0])],
  ['a frame of length zero', new Uint8Array([0])],
  ['a frame above the limit', new Uint8Array([0x80, 0x80, 0x80, 0x01])],
] as const) {
  test(
    `given ${name} in a record, when it arrives, then an encrypted ERROR and a clean end`,
    limits,
    async () => {
      const { peer, session } = await connected();
      peer.send(FRAME.MSG, 1, 3, new Uint8Array(1));
      assert.equal((await peer.next())?.sequence, 3);
      peer.write(peer.record(bytes));
      const error = await peer.next();
      assert.deepEqual(error && [error.type, error.channel, error.sequence, text(error.payload)], [
        FRAME.ERROR,
        0,
        4,
        '{"error":"decode"}',
      ]);
      assert.equal(await peer.next(), undefined);
      assert.equal(await reasonOf(session), 'decode');
      assert.equal(peer.resetCode ?? 0, 0);
      peer.close();
    },
  );
}

test(
  'given a client that ends its body, when the server sees it, then it ends its side and the relay learns why',
  limits,
  async () => {
    const { peer, session } = await connected();
    peer.stream.end();
    assert.equal(await peer.next(), undefined);
    assert.equal(await reasonOf(session), 'client_closed');
    peer.close();
  },
);

test(
  'given a relay that ends a session within a frame, when more frames wait, then they are not delivered',
  limits,
  async () => {
    const { peer, session } = await connected();
    const { links, relay } = gateway;
    const { onFrame } = relay;
    relay.onFrame = (frame) => {
      links.send(frame.session, FRAME.ERROR, 0, 3, json({ error: 'replaced' }));
      links.end(frame.session, 'replaced');
    };
    const one = encodeFrame(FRAME.MSG, 1, 3, new Uint8Array(1));
    peer.write(peer.record(Buffer.concat([one, one, one])));
    const error = await peer.next();
    assert.equal(error && text(error.payload), '{"error":"replaced"}');
    assert.equal(await peer.next(), undefined);
    relay.onFrame = onFrame;
    assert.equal(relay.frames.filter((frame) => frame.session === session).length, 1);
    assert.equal(endOf(session), undefined);
    links.send(session, FRAME.MSG, 1, 1, new Uint8Array(1));
    links.flush(session, 1);
    assert.equal(links.backlog(session), 0);
    peer.close();
  },
);

test('given the older generation, when it is off, then its client gets records', limits, async () => {
  const { peer } = await connected({ headers: { 'user-agent': 'CommuCat-CLI/0.1' } });
  assert.equal(gateway.relay.hellos.at(-1)?.generation, 'records');
  peer.close();
});

test('given the older generation, when it is on, then frames travel as they are', limits, async () => {
  const own = await startGateway(['compat.plaintext_clients=true']);
  const peer = new Peer(own, { hello: { capabilities: ['noise', 'zstd'], supported_versions: undefined } });
  await peer.connect(true);
  assert.equal(own.relay.hellos.at(-1)?.generation, 'plaintext');
  peer.sendPlain(FRAME.MSG, 4, 3, new Uint8Array(5));
  const ack = await peer.next();
  assert.deepEqual(ack && [ack.channel, text(ack.payload)], [4, '{"ack":3}']);
  peer.sendPlain(FRAME.MSG, 2 ** 32 - 1, 4, new Uint8Array(5));
  assert.equal((await peer.next())?.channel, 2 ** 32 - 1);
  peer.write(new Uint8Array([0]));
  const error = await peer.next();
  assert.equal(error && text(error.payload), '{"error":"decode"}');
  peer.close();
  await own.close();
});

test(
  'given a peer that stops reading, when the backlog is high and drains, then reading stops and goes on',
  limits,
  async () => {
    const own = await startGateway(['limits.session_backlog_bytes=65536']);
    const peer = new Peer(own, { settings: { initialWindowSize: 100_000 } });
    await peer.connect();
    const session = own.relay.begun.at(-1) ?? assert.fail('not begun');
    peer.stream.pause();
    for (let sequence = 1; sequence <= 300; sequence += 1) {
      own.links.send(session, FRAME.MSG, 7, sequence, new Uint8Array(1000));
    }
    own.links.flush(session, 300);
    assert.ok(own.links.backlog(session) > 65_536);
    peer.send(FRAME.MSG, 1, 3, new Uint8Array(1));
    peer.stream.resume();
    await until(() => own.relay.writableCalls === 1 && own.relay.frames.length === 1);
    assert.deepEqual(own.relay.marks.slice(0, 1), [300]);
    peer.close();
    await own.close();
  },
);

test(
  'given a peer that takes nothing, when the stall limit passes, then it is closed as a slow peer',
  limits,
  async () => {
    const own = await startGateway(['limits.write_stall_ms=200']);
    const peer = new Peer(own, { settings: { initialWindowSize: 20_000 } });
    await peer.connect();
    const session = own.relay.begun.at(-1) ?? assert.fail('not begun');
    peer.stream.pause();
    for (let sequence = 1; sequence <= 600; sequence += 1) {
      own.links.send(session, FRAME.MSG, 7, sequence, new Uint8Array(1000));
    }
    own.links.flush(session, 1);
    await until(() => own.relay.ends.length > 0);
    assert.deepEqual(own.relay.ends, [{ session, reason: 'slow_peer' }]);
    assert.match(await own.metrics.expose(), /commucat_slow_peers_closed_total 1/);
    peer.close();
    await own.close();
  },
);

test(
  'given a handshake that stands still, when its deadline passes, then ERROR and a clean end',
  limits,
  async () => {
    const own = await startGateway(['server.handshake_timeout_ms=150']);
    const silent = new Peer(own);
    const half = new Peer(own);
    half.sendHello();
    assert.equal((await half.next())?.type, FRAME.AUTH);
    for (const [peer, sequence] of [
      [silent, 1],
      [half, 2],
    ] as const) {
      const error = await peer.next();
      assert.deepEqual(error && [error.sequence, text(error.payload)], [
        sequence,
        '{"detail":"invalid request","error":"handshake"}',
      ]);
      assert.equal(await peer.next(), undefined);
      peer.close();
    }
    assert.deepEqual(
      own.relay.ends.map((end) => end.reason),
      ['handshake_deadline'],
    );
    await own.close();
  },
);

test(
  'given open sessions, when the gateway closes, then each is told and what was queued arrives',
  limits,
  async () => {
    const own = await startGateway();
    const peer = new Peer(own);
    await peer.connect();
    const session = own.relay.begun.at(-1) ?? assert.fail('not begun');
    own.links.send(session, FRAME.MSG, 7, 1, new Uint8Array(10));
    const closing = own.gateway.close(5_000);
    assert.equal((await peer.next())?.type, FRAME.MSG);
    const error = await peer.next();
    assert.equal(error && JSON.parse(text(error.payload)).error, 'shutting_down');
    assert.equal(await peer.next(), undefined);
    peer.stream.end();
    await closing;
    assert.deepEqual(own.relay.ends, [{ session, reason: 'shutting_down' }]);
    peer.close();
    await own.close();
  },
);
