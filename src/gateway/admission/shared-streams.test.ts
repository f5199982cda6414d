import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../ports/ports.ts';
import { SharedStreams } from './shared-streams.ts';

const PROXY = '192.0.2.1';

function setup() {
  let time = 5_000_000;
  const counted: string[] = [];
  const clock: Clock = {
    now: () => assert.fail('the count must not follow the wall clock'),
    monotonic: () => time,
    after: () => assert.fail('the count needs no timer'),
    soon: () => assert.fail('the count needs no timer'),
  };
  const streams = new SharedStreams({
    clock,
    limits: { http2Streams: 20, http2Resets: 5 },
    reached: (limit) => counted.push(limit),
    isProxy: (address) => address === PROXY,
  });
  return {
    streams,
    counted,
    pass: (milliseconds: number) => {
      time += milliseconds;
    },
  };
}

test('given streams of one address beyond its limit, then they are refused, those of another are not, and in time they are taken again', () => {
  const { counted, pass, streams } = setup();
  const taken = Array.from({ length: 30 }, () => streams.open('198.51.100.1')).filter(Boolean);
  assert.equal(taken.length, 20);
  assert.notEqual(streams.open('198.51.100.2'), undefined);
  assert.deepEqual(new Set(counted), new Set(['http2Streams']));
  pass(10_001);
  assert.notEqual(streams.open('198.51.100.1'), undefined);
});

test('given streams of one address that are reset, when there are too many, then it gets no more for ten seconds, and others do', () => {
  const { counted, pass, streams } = setup();
  for (let count = 0; count < 6; count += 1) streams.open('2001:db8::1')?.ended(true);
  // The same subscriber.
  assert.equal(streams.open('2001:db8::2'), undefined);
  assert.notEqual(streams.open('2001:db9::1'), undefined);
  assert.deepEqual(new Set(counted), new Set(['http2Resets']));
  pass(10_001);
  assert.notEqual(streams.open('2001:db8::1'), undefined);
});

test('given streams that end in order, then none is refused for that', () => {
  const { counted, streams } = setup();
  for (let count = 0; count < 15; count += 1) streams.open('198.51.100.1')?.ended(false);
  assert.notEqual(streams.open('198.51.100.1'), undefined);
  assert.deepEqual(counted, []);
});

test('given requests that a proxy names nobody for, then nothing is counted', () => {
  const { streams } = setup();
  for (let count = 0; count < 100; count += 1) assert.notEqual(streams.open(PROXY), undefined);
  assert.equal(streams.size, 0);
});

test('given an address whose streams are over, when some time has passed, then it is forgotten; one with a stream is not', () => {
  const { pass, streams } = setup();
  streams.open('198.51.100.1')?.ended(false);
  streams.open('198.51.100.2');
  pass(60_000);
  streams.review();
  assert.equal(streams.size, 1);
});

test('given more addresses than are remembered, then old ones without streams make room', () => {
  const { streams } = setup();
  const address = (index: number): string => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
  for (let index = 0; index < 70_000; index += 1) streams.open(address(index))?.ended(false);
  assert.equal(streams.size, 65_536);
});
