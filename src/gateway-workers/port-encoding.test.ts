import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Frame } from '../protocol/frames/frame.ts';
import { FRAME } from '../protocol/frames/frame-types.ts';
import { BATCH_HEADER_BYTES, usedBytes } from './batch-layout.ts';
import { BatchPort } from './batch-port.ts';
import { type LinkCalls, LinkCallWriter, readLinkCalls } from './link-calls.ts';
import { type RelayCalls, RelayCallWriter, readRelayCalls } from './relay-calls.ts';

type Value = number | boolean | string | Uint8Array | Frame;
type Call = readonly [name: string, ...values: Value[]];

/** A port whose turns the test ends by hand. */
function portWithTurns(reuse = false): { port: BatchPort; batches: ArrayBuffer[]; endTurn: () => void } {
  const batches: ArrayBuffer[] = [];
  const soon: (() => void)[] = [];
  const port = new BatchPort({
    reuse,
    clock: { soon: (callback) => void soon.push(callback) },
    // As a transfer does: the sender's buffer is gone.
    transfer: (batch) => void batches.push(structuredClone(batch, { transfer: [batch] })),
  });
  const endTurn = () => {
    for (let next = soon.shift(); next !== undefined; next = soon.shift()) next();
  };
  return { port, batches, endTurn };
}

function copied(call: Call): Call {
  return call.map(copy) as unknown as Call;
}

function copy(value: Value): Value {
  if (value instanceof Uint8Array) return value.slice();
  return typeof value === 'object' ? { ...value, payload: value.payload.slice() } : value;
}

function message(channel: number, sequence: number, payload: Uint8Array): Frame {
  return { type: FRAME.MSG, channel, sequence, payload };
}

const session = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const count = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const type = fc.integer({ min: 0, max: 255 });
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const payload = fc.uint8Array({ maxLength: 600 });
const reason = fc.string({ maxLength: 40, unit: 'grapheme' });
const named = <T extends unknown[]>(name: string, ...values: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.tuple(fc.constant(name), ...values) as unknown as fc.Arbitrary<Call>;
const frame = fc.record({ type, channel: u32, sequence: u32, payload }, { noNullPrototype: true });
const relayCall = fc.oneof(
  { weight: 4, arbitrary: named('frame', session, frame) },
  named('begin', session),
  named('taken', session, count),
  named('received', session, count),
  named('closed', session, reason),
  named('passed', session, count),
);
const linkCall = fc.oneof(
  { weight: 4, arbitrary: named('send', session, type, u32, u32, payload) },
  named('flush', session, count, count),
  named('hold', session, fc.boolean()),
  named('end', session, reason),
);

function recorder<T extends object>(calls: Call[]): T {
  return new Proxy({} as T, {
    get:
      (_, name) =>
      (...values: Call[number][]) =>
        void calls.push([String(name), ...values] as Call),
  });
}

/** Makes the calls on a writer, with the end of a turn now and then. */
function make(target: object, calls: readonly Call[], turns: readonly boolean[], endTurn: () => void): void {
  for (const [index, [name, ...values]] of calls.entries()) {
    Reflect.apply(Reflect.get(target, name) as () => void, target, values);
    if (turns[index % turns.length] === true) endTurn();
  }
  endTurn();
}

const turns = fc.array(fc.boolean(), { minLength: 1, maxLength: 8 });

test('given calls to the relay over any number of turns, when the batches are read, then they are the same calls in the same order', () => {
  fc.assert(
    fc.property(fc.array(relayCall, { maxLength: 60 }), turns, (calls, ends) => {
      const { port, batches, endTurn } = portWithTurns();
      make(new RelayCallWriter(port), calls, ends, endTurn);
      const seen: Call[] = [];
      for (const batch of batches) readRelayCalls(new DataView(batch), recorder<RelayCalls>(seen));
      assert.deepEqual(seen.map(copied), calls);
    }),
  );
});

test('given calls to links over any number of turns, when the batches are read, then they are the same calls in the same order', () => {
  fc.assert(
    fc.property(fc.array(linkCall, { maxLength: 60 }), turns, (calls, ends) => {
      const { port, batches, endTurn } = portWithTurns();
      make(new LinkCallWriter(port), calls, ends, endTurn);
      const seen: Call[] = [];
      for (const batch of batches) readLinkCalls(new DataView(batch), recorder<LinkCalls>(seen));
      assert.deepEqual(seen.map(copied), calls);
    }),
  );
});

test('given payloads that many sessions get and ACKs from one reused buffer, when the batches are read, then each call has the bytes it was made with', () => {
  const step = fc.record({
    shared: fc.nat({ max: 3 }),
    ack: fc.boolean(),
    times: fc.integer({ min: 1, max: 300 }),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), turns, (steps, ends) => {
      const { port, batches, endTurn } = portWithTurns();
      const writer = new LinkCallWriter(port);
      const payloads = [300, 5, 2, 0].map((length, index) => new Uint8Array(length).fill(index + 1));
      const ack = new Uint8Array(12);
      const expected: Call[] = [];
      for (const [index, { shared, ack: acknowledges, times }] of steps.entries()) {
        for (let number = 1; number <= times; number += 1) {
          const bytes = acknowledges ? ack.fill(number) : (payloads[shared] ?? ack);
          const kind = acknowledges ? FRAME.ACK : FRAME.MSG;
          writer.send(number, kind, 7, index, bytes);
          expected.push(['send', number, kind, 7, index, bytes.slice()]);
        }
        if (ends[index % ends.length] === true) endTurn();
      }
      endTurn();
      const seen: Call[] = [];
      for (const batch of batches) readLinkCalls(new DataView(batch), recorder<LinkCalls>(seen));
      assert.deepEqual(seen.map(copied), expected);
    }),
    { numRuns: 30 },
  );
});

test('given a message for a thousand sessions, when the batch is written, then its payload is in each batch once', () => {
  const { port, batches, endTurn } = portWithTurns();
  const writer = new LinkCallWriter(port);
  const bytes = new Uint8Array(10_000);
  for (let number = 1; number <= 1000; number += 1) writer.send(number, FRAME.MSG, 1, number, bytes);
  endTurn();
  assert.ok(batches.length < 5, `${batches.length} batches`);
  const total = batches.reduce((sum, batch) => sum + usedBytes(new DataView(batch)), 0);
  assert.ok(total < batches.length * bytes.length + 1000 * 32, `${total} bytes`);
});

test('given more calls in a turn than a batch holds, when they are made, then full batches leave before the turn ends', () => {
  const { port, batches, endTurn } = portWithTurns();
  const writer = new RelayCallWriter(port);
  for (let number = 0; number < 100; number += 1) {
    writer.frame(1, message(1, number, new Uint8Array(10_000)));
  }
  assert.ok(batches.length > 1);
  endTurn();
  const sequences: number[] = [];
  for (const batch of batches) {
    readRelayCalls(new DataView(batch), {
      ...recorder<RelayCalls>([]),
      frame: (_session, { sequence }) => void sequences.push(sequence),
    });
  }
  assert.deepEqual(
    sequences,
    Array.from({ length: 100 }, (_, index) => index),
  );
});

test('given a frame larger than any batch, when it is written, then it travels in one of its own size', () => {
  const { port, batches, endTurn } = portWithTurns();
  const large = message(1, 1, new Uint8Array(1_048_576).fill(9));
  new RelayCallWriter(port).frame(1, large);
  endTurn();
  const [batch] = batches;
  assert.ok(batch !== undefined);
  const seen: Call[] = [];
  readRelayCalls(new DataView(batch), recorder<RelayCalls>(seen));
  assert.deepEqual(seen.map(copied), [['frame', 1, large]]);
});

test('given nothing to say, when the other side has sent a megabyte, then it hears that it was worked off', () => {
  const ours = portWithTurns();
  const theirs = portWithTurns();
  const writer = new RelayCallWriter(theirs.port);
  for (let sent = 0; sent < 1_100_000; sent += 10_000) {
    writer.frame(1, message(1, 1, new Uint8Array(10_000)));
  }
  theirs.endTurn();
  assert.ok(theirs.port.pending > 1_100_000);
  const ignore: RelayCalls = recorder([]);
  for (const batch of theirs.batches) ours.port.receive(batch, (bytes) => readRelayCalls(bytes, ignore));
  ours.endTurn();
  assert.equal(ours.batches.length, 1);
  for (const batch of ours.batches) {
    theirs.port.receive(batch, (bytes) => assert.equal(usedBytes(bytes), BATCH_HEADER_BYTES));
  }
  assert.equal(theirs.port.pending, 0);
});

test('given batches that may be used again, when both sides talk, then each call still has its own bytes', () => {
  const ours = portWithTurns(true);
  const theirs = portWithTurns();
  const up = new RelayCallWriter(ours.port);
  const down = new LinkCallWriter(theirs.port);
  const seen: Call[] = [];
  const expected: Call[] = [];
  for (let turn = 0; turn < 50; turn += 1) {
    for (let call = 0; call <= turn; call += 1) {
      const bytes = new Uint8Array(300).fill(turn + call);
      down.send(turn, FRAME.MSG, call, turn, bytes);
      up.frame(turn, message(call, turn, bytes));
      expected.push(['frame', turn, message(call, turn, bytes)]);
    }
    ours.endTurn();
    theirs.endTurn();
    for (const batch of theirs.batches.splice(0)) {
      ours.port.receive(batch, (view) => readLinkCalls(view, recorder<LinkCalls>([])));
    }
    for (const batch of ours.batches.splice(0)) {
      theirs.port.receive(batch, (view) => readRelayCalls(view, recorder<RelayCalls>(seen)));
    }
  }
  // Read only now: the relay may keep payloads for as long as it wants.
  assert.deepEqual(seen.map(copied), expected);
});
