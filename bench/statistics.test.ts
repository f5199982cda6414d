import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, percentile, ratios } from './statistics.ts';

test('the median is the middle value, or the mean of both middle ones', () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([7]), 7);
  assert.throws(() => median([]), RangeError);
});

test('numbers are sorted as numbers, and the input stays as it is', () => {
  const values = [10, 9, 100];
  assert.equal(median(values), 10);
  assert.deepEqual(values, [10, 9, 100]);
});

test('a percentile is a value that was measured', () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index);
  assert.equal(percentile(values, 0.5), 50);
  assert.equal(percentile(values, 0.99), 99);
  assert.equal(percentile(values, 1), 100);
  assert.equal(percentile(values, 0), 1);
  assert.equal(percentile([3], 0.99), 3);
  assert.throws(() => percentile([], 0.5), RangeError);
});

test('ratios compare the measurements of the same round', () => {
  assert.deepEqual(ratios([10, 30], [20, 10]), [0.5, 3]);
  assert.throws(() => ratios([1, 2], [1]), RangeError);
});
