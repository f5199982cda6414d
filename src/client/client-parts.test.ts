import assert from 'node:assert/strict';
import { test } from 'node:test';
import { turns } from '../../test/kit/waiting.ts';
import { utf8 } from '../protocol/bytes.ts';
import { isJsonObject, parseJson } from '../protocol/json/json.ts';
import { serialAfter } from '../protocol/serial.ts';
import { createDevice } from './device/device.ts';
import { newDeviceState } from './device/device-store.ts';
import { StateKeeper } from './device/state-keeper.ts';
import { acknowledgementOf, plainAckOf } from './mail/receipt.ts';
import { UpstreamSequence } from './mail/upstream-sequence.ts';
import { nodeBackend as backend, nodeRandom as random } from './platform-node.ts';
import { backoffDelay } from './session/backoff.ts';
import { Emitter } from './values/emitter.ts';
import { Queue } from './values/queue.ts';

test('given the extremes of the random source, when delays are drawn, then they lie between 0 and the growing bound', () => {
  const lowest = { bytes: (length: number) => new Uint8Array(length) };
  const highest = { bytes: (length: number) => new Uint8Array(length).fill(0xff) };
  const bounds = [0, 1, 2, 6, 7, 40, 5000].map((attempt) => backoffDelay(highest, attempt, {}));
  assert.deepEqual(bounds, [249, 499, 999, 15_999, 29_999, 29_999, 29_999]);
  assert.equal(backoffDelay(lowest, 5, {}), 0);
  assert.equal(backoffDelay(highest, 3, { initialDelay: 10, maxDelay: 50 }), 49);
});

test('given sequences near the end of the numbers, when they go on, then they wrap, leave out 0, and stay reserved', () => {
  let reserved = 4_294_967_290;
  const sequence = new UpstreamSequence(reserved, (through) => {
    reserved = through;
  });
  let last = 4_294_967_290;
  for (let count = 0; count < 20_000; count += 1) {
    const next = sequence.next();
    assert.notEqual(next, 0);
    assert.ok(serialAfter(next, last));
    assert.ok(!serialAfter(next, reserved), 'used before it was reserved');
    last = next;
  }
  assert.equal(last, 19_995);
});

test('given a server that has higher sequences than the store, when they are told, then the next ones are above them', () => {
  const sequence = new UpstreamSequence(5, () => undefined);
  sequence.passed(1_000_000);
  sequence.passed(3);
  sequence.passed(0);
  assert.equal(sequence.next(), 1_000_001);
});

test('given ACK payloads, when they are compact, then their numbers are those of the JSON reader, and any other form is left to it', () => {
  for (const compact of [
    '{"ack":0}',
    '{"ack":4294967295}',
    '{"ack":7,"stored":2}',
    '{"ack":7,"not_stored":3,"stored":0}',
    '{"stored":1,"ack":9,"not_stored":10000}',
  ]) {
    const value = parseJson(utf8(compact));
    assert.ok(isJsonObject(value));
    assert.deepEqual(
      plainAckOf(utf8(compact)),
      { ...acknowledgementOf(value), document: undefined },
      compact,
    );
  }
  for (const other of [
    '',
    '{',
    '{"ack":}',
    '{"ack":-1}',
    '{"ack":1.5}',
    '{"ack": 1}',
    '{"ack":1,"a":2}',
    '{"ack":1,}',
    '{"ack":1}x',
    '{"ack":1e3}',
    '{"akc":1}',
    '{"stored":1}',
    '{"ack":12345678901}',
    '{"ack":1,"stored":"2"}',
  ]) {
    assert.equal(plainAckOf(utf8(other)), undefined, other);
  }
});

test('given a save that runs, when the state changes more than once, then one save follows with the newest', async () => {
  const state = newDeviceState(createDevice({ random, backend }));
  const saved: number[] = [];
  const releases: (() => void)[] = [];
  const keeper = new StateKeeper(
    {
      load: async () => state,
      save: ({ sequence }) => {
        saved.push(sequence);
        return new Promise((resolve) => releases.push(resolve));
      },
    },
    state,
  );
  const first = keeper.update({ sequence: 1 });
  const second = keeper.update({ sequence: 2 });
  const third = keeper.update({ sequence: 3 });
  assert.deepEqual(saved, [1]);
  releases[0]?.();
  await first;
  await turns();
  assert.deepEqual(saved, [1, 3]);
  releases[1]?.();
  await Promise.all([second, third]);
  assert.deepEqual(saved, [1, 3]);
});

test('given a store that failed once, when the state changes again, then it is saved again', async () => {
  const state = newDeviceState(createDevice({ random, backend }));
  let failing = true;
  const saved: number[] = [];
  const save = async ({ sequence }: { sequence: number }): Promise<void> => {
    if (failing) throw new Error('disk full');
    saved.push(sequence);
  };
  const keeper = new StateKeeper({ load: async () => state, save }, state);
  await assert.rejects(async () => keeper.update({ sequence: 1 }), /disk full/);
  failing = false;
  await keeper.update({ sequence: 2 });
  assert.deepEqual(saved, [2]);
});

test('given thousands of items, when they go through a queue and some come back, then their order holds', () => {
  const queue = new Queue<number>();
  const out: number[] = [];
  for (let item = 0; item < 10_000; item += 1) {
    queue.push(item);
    if (item % 3 === 0) continue;
    const first = queue.shift();
    if (first === undefined) continue;
    if (first % 5 === 0) {
      queue.unshift(first);
      assert.equal(queue.shift(), first);
    }
    out.push(first);
  }
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) out.push(item);
  assert.deepEqual(
    out,
    Array.from({ length: 10_000 }, (_, index) => index),
  );
  assert.equal(queue.length, 0);
});

test('given a listener that removes itself, when the event comes, then the others still get it', () => {
  const emitter = new Emitter<{ tick: number }>(() => assert.fail('a listener failed'));
  const seen: string[] = [];
  const off = emitter.on('tick', (value) => {
    seen.push(`a${value}`);
    off();
  });
  emitter.on('tick', (value) => seen.push(`b${value}`));
  emitter.emit('tick', 1);
  emitter.emit('tick', 2);
  assert.deepEqual(seen, ['a1', 'b1', 'b2']);
  assert.equal(emitter.has('tick'), true);
});
