import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Refusal } from './refusal.ts';

test('given a refusal, when it is made, then no trace is taken for it, and errors made after it have theirs', () => {
  const refusal = new Refusal('unknown_channel', 'send JOIN first');
  assert.equal(refusal.stack, 'Refusal: send JOIN first');
  assert.match(new Error('a fault').stack ?? '', /refusal\.test\.ts/);
});

test('given a limit, when a refusal is made of it, then it names the key that the operator knows, and is counted under it', () => {
  const { error, limit, message } = Refusal.atLimit('channelsPerDevice');
  assert.deepEqual(
    [error, limit, message],
    ['limit', 'channelsPerDevice', 'limits.channels_per_device is reached'],
  );
  assert.equal(Refusal.atRate('changeBytesPerSecond').error, 'rate_limited');
});
