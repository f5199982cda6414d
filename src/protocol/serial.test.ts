import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serialAfter, serialDistance, serialNext } from './serial.ts';

test('given two numbers less than half the circle apart, then the one ahead comes after', () => {
  assert.equal(serialAfter(2, 1), true);
  assert.equal(serialAfter(1, 2), false);
  assert.equal(serialAfter(7, 7), false);
});

test('given numbers on both sides of the wrap, then order goes on across it', () => {
  assert.equal(serialAfter(3, 0xffff_fffe), true);
  assert.equal(serialAfter(0xffff_fffe, 3), false);
  assert.equal(serialNext(0xffff_ffff), 0);
  assert.equal(serialDistance(0xffff_fffe, 3), 5);
});

test('given numbers exactly half the circle apart, then neither direction claims more than one order', () => {
  assert.equal(serialAfter(0x8000_0000, 0), false);
  assert.equal(serialAfter(0x7fff_ffff, 0), true);
});
