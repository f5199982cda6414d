import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deliveries } from './deliveries.ts';

test('given a window of two, when one message is with everybody and acknowledged, then one more is sent', () => {
  const sent: number[] = [];
  const deliveries = new Deliveries(2, 2, (count) => sent.push(count));
  deliveries.start();
  assert.deepEqual(sent, [2]);
  deliveries.acknowledged(2);
  deliveries.delivered(0, 2);
  assert.deepEqual(sent, [2]);
  deliveries.delivered(1, 1);
  assert.deepEqual(sent, [2, 1]);
  assert.equal(deliveries.count, 3);
  assert.equal(deliveries.completions.length, 1);
});

test('a message that arrives before its acknowledgement waits for it', () => {
  const sent: number[] = [];
  const deliveries = new Deliveries(1, 1, (count) => sent.push(count));
  deliveries.start();
  deliveries.delivered(0, 1);
  assert.deepEqual(sent, [1]);
  deliveries.acknowledged(1);
  assert.deepEqual(sent, [1, 1]);
});

test('stop waits for what is on its way, and sends no more', async () => {
  const sent: number[] = [];
  const deliveries = new Deliveries(2, 4, (count) => sent.push(count));
  deliveries.start();
  const steps: string[] = [];
  const stopping = deliveries.stop().then(() => steps.push('stopped'));
  deliveries.acknowledged(4);
  deliveries.delivered(0, 4);
  deliveries.delivered(1, 3);
  await new Promise(setImmediate);
  steps.push('the last one arrives');
  deliveries.delivered(1, 1);
  await stopping;
  assert.deepEqual(steps, ['the last one arrives', 'stopped']);
  assert.deepEqual(sent, [4]);
  assert.equal(deliveries.count, 8);
  assert.equal(deliveries.completions.length, 4);
});

test('more than was sent is an error', () => {
  const deliveries = new Deliveries(1, 2, () => undefined);
  deliveries.start();
  assert.throws(() => deliveries.delivered(0, 3), RangeError);
});
