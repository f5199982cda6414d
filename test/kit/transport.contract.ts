import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FrameLabel, Transport } from '../../src/gateway/transports/transport.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { comesAbout, turns, until, within } from './waiting.ts';

/** The other end of a transport under test, a client of its mode. */
export interface TransportPeer {
  send(bytes: Uint8Array): void;
  /** Reads nothing, so that flow control reaches the transport, or goes on. */
  pause(): void;
  resume(): void;
  /** Ends its own direction cleanly. */
  end(): void;
  /** The connection breaks without a word. */
  cut(): void;
}

/** What a peer has seen. */
export interface SeenByPeer {
  readonly chunks: Uint8Array[];
  keepalives: number;
  ended: boolean;
}

export interface TransportUnderTest extends AsyncDisposable {
  readonly transport: Transport;
  readonly peer: TransportPeer;
  readonly seen: SeenByPeer;
}

export interface TransportTraits {
  readonly name: string;
  readonly open: () => Promise<TransportUnderTest>;
  /** The peer's end of its direction is the end of the connection: it takes nothing that is written afterwards. */
  readonly endsWhole?: boolean;
}

const limits = { timeout: 60_000 };

/** Fails by name before the test's own deadline. */
const soon = (holds: () => boolean, what: string): Promise<void> => until(holds, what, within(30_000));
const PIECE = 60_000;
/** More than the buffers of two operating systems and of a stream hold. */
const FLOOD = 300;

function bytesOf(length: number, seed = 0): Buffer {
  return Buffer.from(
    Uint8Array.from({ length }, (_, index) => (index * 31 + seed * 7 + (index >> 8)) & 0xff),
  );
}

const label = (sequence: number): FrameLabel => ({ type: FRAME.MSG, channel: 1, sequence });

/** What a handler has heard, in short, and the bytes that came. */
class Heard {
  readonly events: string[] = [];
  readonly chunks: Uint8Array[] = [];
  length = 0;

  constructor(transport: Transport) {
    this.attachTo(transport);
  }

  attachTo(transport: Transport): void {
    transport.attach({
      onData: (chunk) => {
        this.events.push('data');
        this.chunks.push(Uint8Array.from(chunk));
        this.length += chunk.length;
      },
      onEnd: () => this.events.push('end'),
      onClosed: () => this.events.push('closed'),
    });
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  /** All but the data. */
  get turningPoints(): readonly string[] {
    return this.events.filter((event) => event !== 'data');
  }

  has(event: string): boolean {
    return this.events.includes(event);
  }
}

/** Writes one chunk; the array grows when it is taken. */
function write(transport: Transport, chunk: Uint8Array, taken: number[], number = taken.length): void {
  transport.write([chunk], () => void taken.push(number), [label(number)]);
}

const lengthOf = (chunks: readonly Uint8Array[]): number =>
  chunks.reduce((sum, { length }) => sum + length, 0);

/** What every `Transport` of the gateway promises. PROTOCOL.md 2. */
export function transportContract({ name, open, endsWhole = false }: TransportTraits): void {
  const given = (sentence: string, body: (it: TransportUnderTest, heard: Heard) => Promise<void>): void => {
    test(sentence, limits, async () => {
      await using it = await open();
      await body(it, new Heard(it.transport));
    });
  };

  describe(`${name}: what is written`, () => {
    given(
      'given writes of several chunks, when they are done, then the peer has all in order, and each was taken once, later, in order',
      async ({ transport, seen }) => {
        const taken: number[] = [];
        const chunks: Buffer[] = [];
        for (let number = 0; number < 50; number += 1) {
          const some = Array.from({ length: 1 + (number % 4) }, (_, index) =>
            bytesOf(1 + ((number * 397 + index * 11) % 5000), number + index),
          );
          chunks.push(...some);
          const labels = some.map((_, index) => label(number * 10 + index));
          transport.write(some, () => void taken.push(number), labels);
          assert.equal(taken.includes(number), false, 'not within the call');
        }
        await soon(() => lengthOf(seen.chunks) >= lengthOf(chunks), 'all bytes');
        await soon(() => taken.length === 50, 'all taken');
        assert.deepEqual(Buffer.concat(seen.chunks), Buffer.concat(chunks));
        assert.deepEqual(
          taken,
          Array.from({ length: 50 }, (_, number) => number),
        );
        if (transport.framing !== 'stream') {
          assert.deepEqual(
            seen.chunks.map(({ length }) => length),
            chunks.map(({ length }) => length),
          );
        }
      },
    );

    given(
      'given a chunk of four megabytes, when it is written, then the peer has it',
      async ({ transport, seen }) => {
        const big = bytesOf(4 * 1_048_576);
        const taken: number[] = [];
        write(transport, big, taken);
        await soon(() => lengthOf(seen.chunks) >= big.length && taken.length === 1, 'all bytes');
        assert.ok(Buffer.concat(seen.chunks).equals(big));
      },
    );

    given(
      'given a peer that reads nothing, when much is written, then not all is taken before it reads again',
      async ({ transport, peer, seen }) => {
        const taken: number[] = [];
        peer.pause();
        for (let number = 0; number < FLOOD; number += 1) {
          write(transport, bytesOf(PIECE, number), taken, number);
        }
        assert.equal(await comesAbout(() => taken.length === FLOOD, within(300)), false);
        peer.resume();
        await soon(() => taken.length === FLOOD && lengthOf(seen.chunks) === FLOOD * PIECE, 'all bytes');
        assert.deepEqual(
          taken,
          Array.from({ length: FLOOD }, (_, number) => number),
        );
      },
    );

    given(
      'given a keepalive, when there is such a thing, then it is taken and brings no bytes',
      async (it) => {
        let taken = 0;
        const has = it.transport.keepalive(() => {
          taken += 1;
        });
        assert.equal(has, it.transport.framing === 'labelled');
        if (has) await soon(() => taken === 1 && it.seen.keepalives === 1, 'the keepalive');
        assert.deepEqual([taken, it.seen.chunks], [has ? 1 : 0, []]);
      },
    );

    given(
      'given what was taken, when the peer is asked for it, then it has it',
      async ({ transport, seen }) => {
        const taken: number[] = [];
        write(transport, bytesOf(1000), taken);
        await soon(() => taken.length === 1, 'the write');
        const answers: boolean[] = [];
        transport.confirm((received) => answers.push(received));
        await soon(() => answers.length > 0, 'the answer');
        assert.deepEqual(answers, [true]);
        await soon(() => lengthOf(seen.chunks) === 1000, 'the bytes');
      },
    );
  });

  describe(`${name}: what arrives`, () => {
    given(
      'given a peer that sends, when it is heard, then its bytes come in order',
      async ({ peer }, heard) => {
        const sent: Buffer[] = [];
        for (let number = 0; number < 60; number += 1) {
          const piece = bytesOf(1 + ((number * 4_801) % PIECE), number);
          sent.push(piece);
          peer.send(piece);
        }
        await soon(() => heard.length >= lengthOf(sent), 'all bytes');
        assert.ok(heard.bytes.equals(Buffer.concat(sent)));
        assert.deepEqual(heard.turningPoints, []);
      },
    );

    given(
      'given a new handler, when more arrives, then only it hears',
      async ({ transport, peer }, first) => {
        peer.send(bytesOf(100));
        await soon(() => first.length === 100, 'the first bytes');
        const second = new Heard(transport);
        peer.send(bytesOf(50));
        peer.end();
        await soon(() => second.has('end') || second.has('closed'), 'the end');
        assert.deepEqual([first.length, second.length, first.turningPoints], [100, 50, []]);
      },
    );

    given(
      'given a transport that does not read, when the peer sends much, then not all arrives before it reads again',
      async ({ transport, peer }, heard) => {
        peer.send(bytesOf(1));
        await soon(() => heard.length === 1, 'the first byte');
        transport.pause();
        for (let number = 0; number < FLOOD; number += 1) peer.send(bytesOf(PIECE, number));
        assert.equal(await comesAbout(() => heard.length > FLOOD * PIECE, within(300)), false);
        transport.resume();
        await soon(() => heard.length === 1 + FLOOD * PIECE, 'all bytes');
      },
    );
  });

  describe(`${name}: the end`, () => {
    given(
      'given a peer that ends its direction, when it is heard, then once, behind its bytes, and we end when we like',
      async ({ transport, peer, seen }, heard) => {
        peer.send(bytesOf(20_000));
        peer.end();
        await soon(() => heard.has('end'), 'the end');
        assert.equal(heard.length, 20_000);
        const taken: number[] = [];
        write(transport, bytesOf(30_000), taken);
        transport.end('client_closed');
        await soon(() => heard.has('closed'), 'the close');
        assert.deepEqual(heard.turningPoints, ['end', 'closed']);
        if (!endsWhole) {
          await soon(() => seen.ended, 'our end');
          assert.deepEqual([lengthOf(seen.chunks), taken], [30_000, [0]]);
        }
      },
    );

    given(
      "given that we end, when something was written before, then the peer has it and the end, and what it sends is nobody's",
      async ({ transport, peer, seen }, heard) => {
        const taken: number[] = [];
        for (let number = 0; number < 20; number += 1) {
          write(transport, bytesOf(PIECE, number), taken, number);
        }
        transport.end('replaced');
        transport.end('replaced');
        write(transport, bytesOf(10), taken, 99);
        peer.send(bytesOf(5_000));
        await soon(() => seen.ended, 'our end');
        assert.equal(lengthOf(seen.chunks), 20 * PIECE);
        peer.end();
        await soon(() => heard.has('closed'), 'the close');
        assert.deepEqual(heard.events, ['closed']);
        assert.deepEqual(
          taken,
          Array.from({ length: 20 }, (_, number) => number),
        );
      },
    );

    given(
      'given a transport that does not read, when it ends, then what the peer has sent is not in the way',
      async ({ transport, peer, seen }, heard) => {
        peer.send(bytesOf(1));
        await soon(() => heard.length === 1, 'the first byte');
        transport.pause();
        for (let number = 0; number < 100; number += 1) peer.send(bytesOf(PIECE, number));
        transport.end('replaced');
        await soon(() => seen.ended, 'our end');
        peer.end();
        await soon(() => heard.has('closed'), 'the close');
        assert.deepEqual(heard.turningPoints, ['closed']);
      },
    );

    for (const [how, isOurs] of [
      ['the transport is reset', true],
      ['the connection breaks', false],
    ] as const) {
      given(
        `given that ${how}, when it is called afterwards, then it is closed once and nothing more happens`,
        async ({ transport, peer, seen }, heard) => {
          peer.send(bytesOf(10));
          await soon(() => heard.length === 10, 'the first bytes');
          if (isOurs) transport.reset();
          else peer.cut();
          await soon(() => heard.has('closed'), 'the close');
          const taken: number[] = [];
          const answers: boolean[] = [];
          write(transport, bytesOf(10), taken);
          assert.equal(transport.keepalive(() => void taken.push(1)) && taken.length > 0, false);
          transport.confirm((received) => answers.push(received));
          transport.pause();
          transport.resume();
          transport.end('replaced');
          transport.reset();
          await soon(() => answers.length > 0, 'the answer');
          await turns(20);
          assert.deepEqual([taken, answers], [[], [false]]);
          assert.deepEqual(heard.events, ['data', 'closed']);
          assert.deepEqual(seen.chunks, []);
        },
      );
    }

    given(
      'given that we have ended, when the connection breaks before the peer has, then it is closed once',
      async ({ transport, peer, seen }, heard) => {
        transport.end('replaced');
        await soon(() => seen.ended, 'our end');
        peer.cut();
        await soon(() => heard.has('closed'), 'the close');
        transport.reset();
        await turns(20);
        assert.deepEqual(heard.events, ['closed']);
      },
    );
  });
}
