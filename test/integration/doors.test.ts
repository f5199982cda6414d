import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { toHex } from '../../src/protocol/bytes.ts';
import { errorPayload } from '../../src/protocol/frames/errors.ts';
import { encodeFrame } from '../../src/protocol/frames/frame.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { DOORS, type Door, DoorStream } from '../kit/doors.ts';
import { pause, until } from '../kit/waiting.ts';
import { type ServerAddress, WireClient } from '../kit/wire-client.ts';
import { DOMAIN, startGateway, type TestGateway } from './gateway-support.ts';

const limits = { timeout: 20_000 };
let gateway: TestGateway;
before(async () => {
  gateway = await startGateway(['limits.write_stall_ms=400', 'server.keepalive=1']);
});
after(() => gateway.close());

function address(): ServerAddress {
  return {
    port: gateway.port,
    ca: gateway.ca,
    domain: DOMAIN,
    noisePublic: toHex(gateway.keys[0].keyPair.publicKey),
  };
}

interface Connected {
  readonly client: WireClient;
  readonly session: number;
  readonly stream: DoorStream;
}

async function connected(door: Door, older = false): Promise<Connected> {
  const client = await WireClient.connect(address(), 'device-1', { door, older });
  assert.ok(client.stream instanceof DoorStream);
  const session = gateway.relay.begun.at(-1) ?? assert.fail('not begun');
  return { client, session, stream: client.stream };
}

async function reasonOf(session: number): Promise<string> {
  const { relay } = gateway;
  const end = () => relay.ends.find((known) => known.session === session);
  await until(() => end() !== undefined);
  return end()?.reason ?? '';
}

for (const door of DOORS) {
  test(`given ${door.name}, when a session opens, then frames pass both ways`, limits, async () => {
    const { client, session, stream } = await connected(door);
    assert.equal(stream.head['x-commucat-connect-mode'], door.mode);
    const answer = await client.ask(FRAME.MSG, 7, new Uint8Array(60_000).fill(3));
    assert.equal(answer.json.ack, answer.sequence);
    const { links, relay } = gateway;
    for (let sequence = 10; sequence < 20; sequence += 1) {
      links.send(session, FRAME.MSG, 7, sequence, new Uint8Array(30_000).fill(sequence));
    }
    links.flush(session, 99);
    for (let sequence = 10; sequence < 20; sequence += 1) {
      const frame = await client.until(({ type }) => type === FRAME.MSG);
      assert.deepEqual([frame.sequence, frame.text.length], [sequence, 30_000]);
    }
    // The peer's own transport said so, or the operating system where there is no such word.
    await until(() => relay.receivedMarks.includes(99));
    stream.end();
    assert.equal(await reasonOf(session), 'client_closed');
    await client.end();
    client.close();
  });

  test(`given ${door.name}, when the handshake is refused, then an ERROR and the end`, limits, async () => {
    const client = new WireClient(address(), 'device-1', { door });
    client.plain(FRAME.MSG, 0, 1, 'no HELLO');
    const error = await client.next();
    assert.deepEqual(error && [error.type, error.sequence, error.json.detail], [
      FRAME.ERROR,
      1,
      'invalid request',
    ]);
    await client.end();
    client.close();
  });

  test(`given ${door.name}, when a frame does not decode, then an ERROR and the end`, limits, async () => {
    const { client, session } = await connected(door);
    client.write(client.wrap(new Uint8Array([4, 0x7f, 0, 1, 0])));
    const error = await client.until(({ type }) => type === FRAME.ERROR);
    assert.deepEqual([error.text, error.sequence], ['{"error":"decode"}', 3]);
    await client.end();
    assert.equal(await reasonOf(session), 'decode');
    client.close();
  });

  test(
    `given ${door.name}, when the relay ends the session, then its words come before the end`,
    limits,
    async () => {
      const { client, session, stream } = await connected(door);
      gateway.links.send(session, FRAME.ERROR, 0, 3, errorPayload('replaced', 'a newer session'));
      gateway.links.end(session, 'replaced');
      const error = await client.until(({ type }) => type === FRAME.ERROR);
      assert.equal(error.json.error, 'replaced');
      await client.end();
      if (door.mode === 'websocket') {
        assert.deepEqual([stream.closeCode, stream.closeReason], [1008, 'replaced']);
      }
      client.close();
    },
  );

  test(`given ${door.name}, when the peer takes nothing, then it is a slow one`, limits, async () => {
    const { client, session } = await connected(door);
    client.stream.pause();
    for (let sequence = 1; sequence < 400; sequence += 1) {
      gateway.links.send(session, FRAME.MSG, 7, sequence, new Uint8Array(60_000));
      gateway.links.flush(session, 0);
    }
    assert.equal(await reasonOf(session), 'slow_peer');
    client.close();
  });

  test(
    `given ${door.name}, when the relay holds the session, then nothing more is read until it lets go`,
    limits,
    async () => {
      const { client, session } = await connected(door);
      const { links, relay } = gateway;
      const mine = () => relay.frames.filter((frame) => frame.session === session).length;
      const before = relay.onFrame;
      relay.onFrame = (frame) => {
        if (frame.session === session && mine() === 1) links.hold(session, true);
      };
      const most = 200;
      for (let sequence = 0; sequence < most; sequence += 1) {
        client.post(FRAME.MSG, 7, new Uint8Array(60_000));
      }
      await until(() => mine() > 0);
      // Twelve megabytes do not fit on the way: whoever read all of them has not stopped.
      await pause(200);
      assert.ok(mine() < most, `${mine()} frames were read`);
      links.hold(session, false);
      await until(() => mine() === most);
      relay.onFrame = before;
      client.close();
      assert.equal(await reasonOf(session), 'connection_lost');
    },
  );
}

for (const door of DOORS.filter(({ mode }) => mode === 'sse' || mode === 'long-poll')) {
  test(`given ${door.name}, when frames are sent in one turn, then each has its label`, limits, async () => {
    const { client, session, stream } = await connected(door);
    gateway.links.send(session, FRAME.MSG, 7, 70, new Uint8Array(3));
    gateway.links.send(session, FRAME.TYPING, 4_294_967_295, 4_294_967_295, new Uint8Array(0));
    gateway.links.flush(session, 0);
    await client.until(({ type }) => type === FRAME.TYPING);
    const labels = stream.lines.map(({ channel, sequence, type }) => [type, channel, sequence]);
    const exact = [
      ['auth', 0, 1],
      ['ack', 0, 2],
      ['msg', 7, 70],
      ['typing', 4_294_967_295, 4_294_967_295],
    ] as const;
    assert.deepEqual(
      labels,
      door.mode === 'sse' ? exact.map(([, , sequence]) => [undefined, undefined, sequence]) : exact,
    );
    client.close();
  });
}

test(
  'given line-based doors, when nothing is written for the interval, then a keepalive',
  limits,
  async () => {
    await Promise.all(
      DOORS.filter(({ mode }) => mode === 'sse' || mode === 'long-poll').map(async (door) => {
        const { client, stream } = await connected(door);
        assert.equal(client.facts.keepalive_interval, 5);
        await until(() => stream.lines.some(({ keepalive }) => keepalive));
        client.close();
      }),
    );
  },
);

for (const door of DOORS) {
  test(
    `given ${door.name} and a client of the older generation, when frames are sent in one turn, then all arrive`,
    limits,
    async () => {
      const own = await startGateway(['compat.plaintext_clients=true']);
      const client = await WireClient.connect(
        { port: own.port, ca: own.ca, domain: DOMAIN, noisePublic: toHex(own.keys[0].keyPair.publicKey) },
        'device-1',
        { door, older: true },
      );
      const session = own.relay.begun.at(-1) ?? assert.fail('not begun');
      own.links.send(session, FRAME.MSG, 7, 70, new Uint8Array(3));
      own.links.send(session, FRAME.MSG, 7, 71, new Uint8Array(3));
      own.links.flush(session, 0);
      assert.equal((await client.until(({ type }) => type === FRAME.MSG)).sequence, 70);
      assert.equal((await client.until(({ type }) => type === FRAME.MSG)).sequence, 71);
      // One message each, where messages exist.
      if (door.mode === 'websocket') {
        assert.deepEqual(client.raw.at(-1), Buffer.from(encodeFrame(FRAME.MSG, 7, 71, new Uint8Array(3))));
      }
      client.close();
      await own.close();
    },
  );
}
