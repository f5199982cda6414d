import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Endpoint } from '../../src/gateway/sessions/endpoint.ts';
import type { Frame } from '../../src/protocol/frames/frame.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import type {
  Establishment,
  HelloFacts,
  LinkPort,
  RelayPort,
  Resolution,
  SessionNumber,
} from '../../src/relay-port/relay-port.ts';

/** A backlog from which on a link of the tests is full. */
export const FULL_AT = 65_536;

/** Both ends of the boundary between the gateway and the relay. */
export interface PortUnderTest {
  /** What the relay calls. */
  readonly links: LinkPort;
  /** What the gateway calls. */
  readonly relay: RelayPort;
  /** The gateway has a connection under this number. */
  open(session: SessionNumber, endpoint: Endpoint): void;
  /** The gateway's connection is gone. */
  remove(session: SessionNumber): void;
  /** Everything that is under way arrives. */
  settle(): Promise<void>;
}

export type OpenPort = (relay: RelayPort) => PortUnderTest;

/** Of marks and session numbers. */
const LARGEST = 2 ** 48 - 1;
const HELLO: Omit<HelloFacts, 'session'> = {
  deviceId: 'alice-1',
  devicePublic: new Uint8Array(32).fill(1),
  clientStatic: new Uint8Array(32).fill(2),
  pattern: 'XK',
  capabilities: ['delivery-ack', 'resume'],
  userId: undefined,
  handle: 'alice',
  displayName: 'Alice ✓',
  avatarUrl: undefined,
  certificate: undefined,
  generation: 'records',
  noiseKeyVersion: 3,
};
const RESOLUTION: Resolution = {
  ok: true,
  sessionToken: 'f'.repeat(64),
  user: { id: 'u-1', handle: 'alice', displayName: null, avatarUrl: null },
};

/** The relay's end: notes what it is told, payloads as they were then and as they are later. */
class NotingRelay implements RelayPort {
  readonly calls: string[] = [];
  readonly hellos: HelloFacts[] = [];
  readonly frames: { readonly frame: Frame; readonly bytes: Buffer }[] = [];
  fails = false;

  async resolve(hello: HelloFacts): Promise<Resolution> {
    this.hellos.push(hello);
    if (this.fails) throw new Error('the log is away');
    return RESOLUTION;
  }

  async establish(session: SessionNumber): Promise<Establishment> {
    this.calls.push(`establish ${session}`);
    return { ok: false, refusal: 'pairing required', reason: 'a test' };
  }

  begin(session: SessionNumber): void {
    this.calls.push(`begin ${session}`);
  }

  frame(session: SessionNumber, frame: Frame): void {
    this.calls.push(`frame ${session} ${frame.sequence}`);
    this.frames.push({ frame, bytes: Buffer.from(frame.payload) });
  }

  taken(session: SessionNumber, mark: number): void {
    this.calls.push(`taken ${session} ${mark}`);
  }

  received(session: SessionNumber, mark: number): void {
    this.calls.push(`received ${session} ${mark}`);
  }

  writable(session: SessionNumber): void {
    this.calls.push(`writable ${session}`);
  }

  closed(session: SessionNumber, reason: string): void {
    this.calls.push(`closed ${session} ${reason}`);
  }
}

/** The gateway's end of one session: a peer that takes bytes when the test says so. */
class NotingEndpoint implements Endpoint {
  readonly calls: string[] = [];
  readonly payloads: Buffer[] = [];
  readonly #session: SessionNumber;
  readonly #it: PortUnderTest;
  #backlog = 0;
  #isFull = false;

  constructor(session: SessionNumber, it: PortUnderTest) {
    this.#session = session;
    this.#it = it;
  }

  send(type: number, channel: number, sequence: number, payload: Uint8Array): void {
    this.calls.push(`send ${type} ${channel} ${sequence} ${payload.length}`);
    this.payloads.push(Buffer.from(payload));
    this.#backlog += payload.length;
  }

  flush(mark: number): void {
    this.calls.push(`flush ${mark}`);
    if (this.#backlog >= FULL_AT) this.#isFull = true;
  }

  backlog(): number {
    return this.#backlog;
  }

  hold(held: boolean): void {
    this.calls.push(`hold ${held}`);
  }

  end(reason: string): void {
    this.calls.push(`end ${reason}`);
    this.#it.remove(this.#session);
  }

  tick(): void {}

  shutDown(): void {}

  /** The peer takes everything. */
  take(): void {
    this.#backlog = 0;
    if (!this.#isFull) return;
    this.#isFull = false;
    this.#it.relay.writable(this.#session);
  }
}

/** What the boundary between gateway and relay promises, whoever carries the calls across. */
export function portContract(name: string, openPort: OpenPort): void {
  const setUp = async (...sessions: readonly SessionNumber[]) => {
    const relay = new NotingRelay();
    const it = openPort(relay);
    const endpoints = sessions.map((session) => new NotingEndpoint(session, it));
    for (const [index, session] of sessions.entries()) {
      const endpoint = endpoints[index] ?? assert.fail();
      it.open(session, endpoint);
      const resolving = it.relay.resolve({ ...HELLO, session });
      await it.settle();
      assert.deepEqual(await resolving, RESOLUTION);
      it.relay.begin(session);
    }
    await it.settle();
    assert.deepEqual(
      relay.calls,
      sessions.map((session) => `begin ${session}`),
    );
    relay.calls.length = 0;
    const [first, second = first] = endpoints;
    assert.ok(first !== undefined && second !== undefined);
    return { relay, it, first, second };
  };
  const words = (text: string): Uint8Array => Buffer.from(text);

  describe(`${name}: from the relay to the gateway`, () => {
    test('given calls of one turn, when they arrive, then each session has its own in their order', async () => {
      const { it, first, second } = await setUp(1, 7);
      it.links.send(1, FRAME.MSG, 4_294_967_295, 4_294_967_295, words('one'));
      it.links.send(7, FRAME.TYPING, 0, 0, new Uint8Array(0));
      it.links.flush(1, 11);
      it.links.hold(7, true);
      it.links.send(1, FRAME.MSG, 1, 2, words('two'));
      it.links.hold(7, false);
      it.links.flush(7, 0);
      it.links.flush(1, LARGEST);
      await it.settle();
      assert.deepEqual(first.calls, [
        `send ${FRAME.MSG} 4294967295 4294967295 3`,
        'flush 11',
        `send ${FRAME.MSG} 1 2 3`,
        `flush ${LARGEST}`,
      ]);
      assert.deepEqual(second.calls, [`send ${FRAME.TYPING} 0 0 0`, 'hold true', 'hold false', 'flush 0']);
    });

    test('given the array of an ACK that is filled again, and one payload for many, then each has what was sent to it', async () => {
      const { it, first, second } = await setUp(1, 2);
      const ack = Buffer.from('{"ack":1}');
      it.links.send(1, FRAME.ACK, 0, 1, ack);
      ack.write('{"ack":2}');
      it.links.send(1, FRAME.ACK, 0, 2, ack);
      ack.fill(0);
      const letter = words('a letter that goes to many');
      for (const session of [1, 2]) it.links.send(session, FRAME.MSG, 5, 9, letter);
      await it.settle();
      assert.deepEqual(first.payloads.map(String), ['{"ack":1}', '{"ack":2}', letter.toString()]);
      assert.deepEqual(second.payloads.map(String), [letter.toString()]);
    });

    test('given frames of sixteen megabytes and of nothing, when they are sent, then they arrive whole', async () => {
      const { it, first } = await setUp(1);
      const big = Buffer.alloc(16_777_000, 'big frame ');
      it.links.send(1, FRAME.MSG, 1, 1, big);
      it.links.send(1, FRAME.MSG, 1, 2, new Uint8Array(0));
      it.links.send(1, FRAME.MSG, 1, 3, big.subarray(3, 10));
      await it.settle();
      assert.ok(first.payloads[0]?.equals(big));
      assert.deepEqual(first.payloads.slice(1).map(String), ['', ' frame ']);
    });

    test('given a peer that takes nothing, when much is sent, then the backlog says so at once, and room is told once when there is some', async () => {
      const { relay, it, first } = await setUp(1, 2);
      let sent = 0;
      while (it.links.backlog(1) < FULL_AT) {
        it.links.send(1, FRAME.MSG, 1, sent, new Uint8Array(1000));
        it.links.flush(1, 0);
        sent += 1;
        assert.ok(it.links.backlog(1) >= sent * 1000, 'never too small');
      }
      await it.settle();
      assert.ok(it.links.backlog(1) >= FULL_AT);
      assert.equal(it.links.backlog(2), 0);
      assert.deepEqual(relay.calls, []);
      first.take();
      await it.settle();
      assert.deepEqual(relay.calls, ['writable 1']);
      assert.ok(it.links.backlog(1) < FULL_AT / 2);
    });

    test('given an end, when more is said to the session, then it gets what was before and nothing behind, and is not closed', async () => {
      const { relay, it, first } = await setUp(1);
      it.links.send(1, FRAME.ERROR, 0, 1, words('last words'));
      it.links.end(1, 'replaced');
      it.links.send(1, FRAME.MSG, 1, 2, words('too late'));
      it.links.flush(1, 5);
      it.links.hold(1, true);
      it.links.end(1, 'again');
      assert.equal(it.links.backlog(1), 0);
      await it.settle();
      assert.deepEqual(first.calls, [`send ${FRAME.ERROR} 0 1 10`, 'end replaced']);
      assert.deepEqual(relay.calls, []);
    });

    test('given a number that nobody has, when it is called, then nothing happens', async () => {
      const { it, first } = await setUp(1);
      it.links.send(99, FRAME.MSG, 1, 1, words('x'));
      it.links.flush(99, 1);
      it.links.hold(99, true);
      it.links.end(99, 'nobody');
      assert.equal(it.links.backlog(99), 0);
      await it.settle();
      assert.deepEqual(first.calls, []);
    });
  });

  describe(`${name}: from the gateway to the relay`, () => {
    test('given a HELLO, when it is resolved and established, then the relay has all of it and the gateway its answers', async () => {
      const { relay, it } = await setUp(3);
      assert.deepEqual(
        { ...relay.hellos[0], devicePublic: 0, clientStatic: 0 },
        { ...HELLO, session: 3, devicePublic: 0, clientStatic: 0 },
      );
      assert.deepEqual(Buffer.from(relay.hellos[0]?.devicePublic ?? []), Buffer.alloc(32, 1));
      const establishing = it.relay.establish(3);
      await it.settle();
      assert.deepEqual(await establishing, { ok: false, refusal: 'pairing required', reason: 'a test' });
      assert.deepEqual(relay.calls, ['establish 3']);
    });

    test('given a relay that cannot answer, when it is asked, then the question is refused and the next one is not', async () => {
      const { relay, it } = await setUp(1);
      relay.fails = true;
      const failing = assert.rejects(it.relay.resolve({ ...HELLO, session: 2 }), {
        message: 'the log is away',
      });
      await it.settle();
      await failing;
      relay.fails = false;
      const resolving = it.relay.resolve({ ...HELLO, session: 3 });
      await it.settle();
      assert.deepEqual(await resolving, RESOLUTION);
    });

    test('given calls of several sessions, when they arrive, then in the order in which they were made, the end last', async () => {
      const { relay, it } = await setUp(1, 2);
      const frame = (sequence: number, payload = new Uint8Array(0)): Frame => {
        return { type: FRAME.MSG, channel: 4_294_967_295, sequence, payload };
      };
      it.relay.frame(1, frame(4_294_967_295));
      it.relay.taken(1, 7);
      it.relay.frame(2, frame(2));
      it.relay.received(1, LARGEST);
      it.relay.frame(1, frame(3));
      it.relay.closed(1, 'connection_lost');
      it.remove(1);
      it.relay.frame(2, frame(4));
      await it.settle();
      assert.deepEqual(relay.calls, [
        'frame 1 4294967295',
        'taken 1 7',
        'frame 2 2',
        `received 1 ${LARGEST}`,
        'frame 1 3',
        'closed 1 connection_lost',
        'frame 2 4',
      ]);
    });

    test('given big and empty payloads, when they arrive, then they are whole and stay as they are', async () => {
      const { relay, it } = await setUp(1);
      const big = Buffer.alloc(1_048_000, 'upstream ');
      const payloads = [big, new Uint8Array(0), big.subarray(5, 20)];
      for (const [sequence, payload] of payloads.entries()) {
        it.relay.frame(1, { type: FRAME.MSG, channel: 1, sequence, payload });
      }
      await it.settle();
      // Later batches must not lie on top of the earlier ones.
      for (let sequence = 0; sequence < 50; sequence += 1) {
        it.relay.frame(1, { type: FRAME.MSG, channel: 1, sequence, payload: Buffer.alloc(9000, 'z') });
        await it.settle();
      }
      for (const [index, payload] of payloads.entries()) {
        const { frame, bytes } = relay.frames[index] ?? assert.fail('a frame is missing');
        assert.ok(bytes.equals(payload), 'as it arrived');
        assert.ok(Buffer.from(frame.payload).equals(payload), 'as it is now');
      }
    });

    test('given an end and a close that cross, when both have arrived, then nobody knows the session any more', async () => {
      const { relay, it, first } = await setUp(1);
      it.links.send(1, FRAME.MSG, 1, 1, words('crossing'));
      it.links.end(1, 'replaced');
      it.relay.closed(1, 'client_closed');
      it.remove(1);
      await it.settle();
      assert.deepEqual(relay.calls, ['closed 1 client_closed']);
      assert.equal(it.links.backlog(1), 0);
      const { length } = first.calls;
      it.links.flush(1, 3);
      await it.settle();
      assert.equal(first.calls.length, length);
    });
  });
}
