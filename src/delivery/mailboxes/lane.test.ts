import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lane, REFUSALS_MAX } from './lane.ts';

test('given a fresh lane, when it is asked, then it has received nothing, not even the sequence 0', () => {
  const lane = new Lane();
  assert.equal(lane.received, undefined);
  assert.equal(lane.hasTaken(0), false);
});

test('given a frame on its way, when it comes again, then it is known, and received only once it is in the log', () => {
  const lane = new Lane();
  lane.accept(5);
  assert.deepEqual([lane.hasTaken(4), lane.hasTaken(5), lane.hasTaken(6)], [true, true, false]);
  assert.equal(lane.received, undefined);
  lane.store(5);
  assert.equal(lane.received, 5);
});

test('given frames on their way behind a stored one, when the log refuses, then only the stored one is known', () => {
  const lane = new Lane();
  lane.accept(5);
  lane.store(5);
  lane.accept(6);
  lane.accept(7);
  lane.takeBack();
  assert.deepEqual([lane.hasTaken(5), lane.hasTaken(6), lane.hasTaken(7)], [true, false, false]);
});

test('given refused frames, when a later one is accepted, then its letter carries those behind the last letter', () => {
  const lane = new Lane();
  lane.refuse(3, 'mailbox_full');
  lane.accept(4);
  lane.refuse(5, 'too_large');
  lane.refuse(6, 'mailbox_full');
  assert.deepEqual(lane.accept(7), [
    { sequence: 5, error: 'too_large' },
    { sequence: 6, error: 'mailbox_full' },
  ]);
  assert.deepEqual(lane.accept(8), []);
  assert.equal(lane.refusalOf(3), 'mailbox_full');
  assert.equal(lane.refusalOf(4), undefined);
});

test('given a letter with refusals that the log refuses, when the frames come again, then the next letter carries them', () => {
  const lane = new Lane();
  lane.refuse(3, 'mailbox_full');
  lane.accept(4);
  lane.takeBack();
  lane.refuse(3, 'mailbox_full');
  assert.deepEqual(lane.accept(4), [{ sequence: 3, error: 'mailbox_full' }]);
});

test('given a refused frame, when it comes again and is stored, then it is refused no more', () => {
  const lane = new Lane();
  lane.refuse(9, 'mailbox_full');
  assert.deepEqual(lane.accept(9), []);
  lane.store(9);
  assert.equal(lane.refusalOf(9), undefined);
  assert.deepEqual(lane.refusals, []);
});

test('given more refusals than are remembered, when asked, then the newest are known, in their order', () => {
  const lane = new Lane();
  for (let sequence = 1; sequence <= REFUSALS_MAX + 2; sequence += 1) lane.refuse(sequence, 'limit');
  assert.equal(lane.refusals.length, REFUSALS_MAX);
  assert.equal(lane.refusals[0]?.sequence, 3);
  assert.equal(lane.refusals.at(-1)?.sequence, REFUSALS_MAX + 2);
});

test('given sequences at the wrap, when frames are refused and accepted, then order holds across it', () => {
  const lane = new Lane();
  lane.accept(0xffff_fffe);
  lane.refuse(0xffff_ffff, 'limit');
  assert.deepEqual(lane.accept(0), [{ sequence: 0xffff_ffff, error: 'limit' }]);
  lane.store(0);
  assert.deepEqual([lane.hasTaken(0xffff_ffff), lane.hasTaken(0), lane.hasTaken(1)], [true, true, false]);
});

test('given the sequence 0 behind a wrap, when counters are stored and restored, then it is not taken for none', () => {
  const before = new Lane();
  before.restore(0xffff_ffff, []);
  before.restore(0, []);
  const after = new Lane();
  after.restoreCounters(before.receivedToStore, []);
  assert.equal(after.received, 0);
  const fresh = new Lane();
  fresh.restoreCounters(new Lane().receivedToStore, []);
  assert.equal(fresh.received, undefined);
});

test('given letters and counters of an earlier run, when they are read, then refusals are known as the log has them', () => {
  const lane = new Lane();
  lane.restore(7, [{ sequence: 6, error: 'limit' }]);
  assert.equal(lane.refusalOf(6), 'limit');
  lane.restore(6, []);
  assert.deepEqual([lane.received, lane.refusalOf(6)], [7, undefined]);
  lane.restoreCounters(9, [{ sequence: 8, error: 'forbidden' }]);
  assert.deepEqual([lane.received, lane.refusals], [9, [{ sequence: 8, error: 'forbidden' }]]);
});

test('given posts on their way, when somebody waits behind them, then until these are through and not for later ones', async () => {
  const lane = new Lane();
  assert.equal(lane.barrier(), undefined);
  const order: string[] = [];
  lane.enter();
  lane.enter();
  const behind = lane.barrier()?.then(() => order.push('behind two'));
  lane.enter();
  const last = lane.barrier()?.then(() => order.push('behind three'));
  lane.leave();
  await Promise.resolve();
  assert.deepEqual(order, []);
  lane.leave();
  await behind;
  assert.deepEqual(order, ['behind two']);
  lane.leave();
  await last;
  assert.equal(lane.barrier(), undefined);
  await lane.quiet();
  assert.throws(() => lane.leave(), RangeError);
});

test('given work and a post of an older session, when a new one waits, then it begins behind both', async () => {
  const lane = new Lane();
  const order: string[] = [];
  lane.begin();
  lane.begin();
  const waiting = lane.quiet().then(() => order.push('new session'));
  await Promise.resolve();
  lane.end();
  await Promise.resolve();
  order.push('one is left');
  lane.end();
  await waiting;
  assert.deepEqual(order, ['one is left', 'new session']);
  await lane.quiet();
});
