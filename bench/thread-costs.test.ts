import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ceiling, halves } from './thread-costs.ts';

test('the main thread is the relay, the named threads are the gateway, the rest is the rest', () => {
  const threads = [
    { name: 'MainThread', seconds: 1 },
    { name: 'V8Worker', seconds: 0.25 },
    { name: 'gateway-0', seconds: 1.5 },
    { name: 'gateway-1', seconds: 0.5 },
    { name: 'libuv-worker', seconds: 0.25 },
  ];
  assert.deepEqual(halves({ threads, operations: 100_000 }), { relay: 10, gateway: 20, others: 5 });
});

test('few cores are all used; with many the thread of the relay is the end', () => {
  const costs = { relay: 5, gateway: 13, others: 2 };
  assert.equal(ceiling(costs, 2), 100_000);
  assert.equal(ceiling(costs, 4), 200_000);
  assert.equal(ceiling(costs, 8), 200_000);
});
