import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../ports/ports.ts';
import { addressKey, isLoopback } from './address-key.ts';
import { type RateLimit, RateLimiter } from './rate-limiter.ts';

function setup(limit: Partial<RateLimit> = {}, maxAddresses = 1000) {
  let time = 5_000_000;
  let evicted = 0;
  const clock: Clock = {
    now: () => assert.fail('the limiter must not follow the wall clock'),
    monotonic: () => time,
    after: () => assert.fail('the limiter needs no timer'),
    soon: () => assert.fail('the limiter needs no timer'),
  };
  const limiter = new RateLimiter({
    clock,
    limit: { burst: 3, windowMs: 1000, penaltyMs: 10_000, ...limit },
    maxAddresses,
    onEvicted: () => {
      evicted += 1;
    },
  });
  const allowed = (address: string) => limiter.check(address).allowed;
  const retryAfter = (address: string) => {
    const verdict = limiter.check(address);
    return verdict.allowed ? undefined : verdict.retryAfter;
  };
  const block = (address: string) => {
    while (allowed(address));
  };
  return {
    limiter,
    allowed,
    retryAfter,
    block,
    evictions: () => evicted,
    pass: (ms: number) => {
      time += ms;
    },
  };
}

test('given a burst of 3, when 4 requests come within the window, then the fourth is refused for the penalty', () => {
  const { allowed, retryAfter } = setup();
  assert.deepEqual([allowed('a.b'), allowed('a.b'), allowed('a.b')], [true, true, true]);
  assert.equal(retryAfter('a.b'), 10);
});

test('given requests spread over more than a window, when each old one has left it, then none is refused', () => {
  const { allowed, pass } = setup();
  for (let request = 0; request < 50; request += 1) {
    assert.ok(allowed('10.0.0.1'));
    pass(334);
  }
});

test('given a blocked address, when it keeps asking, then the block neither grows nor ends early', () => {
  const { block, allowed, retryAfter, pass } = setup();
  block('10.0.0.1');
  pass(9_000);
  for (let request = 0; request < 20; request += 1) assert.equal(retryAfter('10.0.0.1'), 1);
  pass(999);
  assert.equal(allowed('10.0.0.1'), false);
  pass(1);
  assert.deepEqual([allowed('10.0.0.1'), allowed('10.0.0.1'), allowed('10.0.0.1')], [true, true, true]);
  assert.equal(allowed('10.0.0.1'), false);
});

test('given a penalty shorter than the window, when it has passed, then the requests before it still count', () => {
  const { block, allowed, pass } = setup({ windowMs: 60_000, penaltyMs: 5_000 });
  block('10.0.0.1');
  pass(5_000);
  assert.equal(allowed('10.0.0.1'), false);
});

test('given no penalty, when the bucket is empty, then the address waits for the next token', () => {
  const { allowed, retryAfter, pass } = setup({ penaltyMs: 0, windowMs: 6_000 });
  for (let request = 0; request < 3; request += 1) assert.equal(allowed('10.0.0.1'), true);
  assert.equal(retryAfter('10.0.0.1'), 2);
  pass(1_999);
  assert.equal(allowed('10.0.0.1'), false);
  pass(1);
  assert.equal(allowed('10.0.0.1'), true);
  assert.equal(allowed('10.0.0.1'), false);
});

test('given many peers of one address, when all do as they are told, then each gets in at its time, and none asks twice', () => {
  const { retryAfter, allowed, pass } = setup({ penaltyMs: 0, burst: 20, windowMs: 1000 });
  const turns = new Map<number, number>();
  for (let peer = 0; peer < 100; peer += 1) {
    const seconds = retryAfter('10.0.0.1') ?? 0;
    turns.set(seconds, (turns.get(seconds) ?? 0) + 1);
  }
  assert.deepEqual(
    [...turns],
    [
      [0, 20],
      [1, 20],
      [2, 20],
      [3, 20],
      [4, 20],
    ],
  );
  for (let second = 1; second <= 4; second += 1) {
    pass(1000);
    for (let peer = 0; peer < 20; peer += 1) assert.equal(allowed('10.0.0.1'), true, `second ${second}`);
  }
});

test('given a neighbour who asks without end, then nobody is told to wait longer than a minute', () => {
  const { retryAfter } = setup({ penaltyMs: 0 });
  for (let request = 0; request < 10_000; request += 1) retryAfter('10.0.0.1');
  assert.equal(retryAfter('10.0.0.1'), 60);
});

test('given one address over its limit, when others ask, then they are not affected', () => {
  const { block, allowed } = setup();
  block('10.0.0.1');
  assert.equal(allowed('10.0.0.2'), true);
});

test('given spellings of one client, when it changes them, then it stays one client', () => {
  const { block, allowed } = setup();
  block('192.0.2.7');
  assert.equal(allowed('::ffff:192.0.2.7'), false);
  assert.equal(allowed('::ffff:c000:207'), false);
  block('2001:db8:1:2::1');
  assert.equal(allowed('2001:db8:1:2:ffff:ffff:ffff:ffff'), false);
  assert.equal(allowed('2001:db8:1:3::1'), true);
});

test('given quiet addresses, when their window has passed, then the table has forgotten them', () => {
  const { limiter, allowed, pass } = setup();
  for (let host = 0; host < 200; host += 1) allowed(`10.0.0.${host}`);
  assert.equal(limiter.size, 200);
  pass(1_000);
  allowed('10.1.0.1');
  assert.equal(limiter.size, 1);
});

test('given blocked addresses, when their penalty and window have passed, then the table has forgotten them', () => {
  const { limiter, block, allowed, pass } = setup();
  for (let host = 0; host < 20; host += 1) block(`10.0.0.${host}`);
  pass(10_000);
  allowed('10.1.0.1');
  assert.equal(limiter.size, 1);
});

test('given a blocked address, when a flood from many others fills the table, then it is still blocked and the size holds', () => {
  const { limiter, block, allowed, evictions } = setup({}, 100);
  block('192.0.2.1');
  for (let host = 0; host < 10_000; host += 1) allowed(`10.0.${host >> 8}.${host & 255}`);
  assert.equal(limiter.size, 100);
  assert.equal(allowed('192.0.2.1'), false);
  assert.equal(evictions(), 10_001 - 100);
});

test('given a table full of blocked addresses, when one more is blocked, then the block that ends first is given up', () => {
  const { limiter, block, allowed, pass } = setup({}, 10);
  for (let host = 1; host <= 10; host += 1) {
    block(`10.0.0.${host}`);
    pass(1);
  }
  assert.equal(limiter.size, 10);
  assert.equal(allowed('10.0.1.1'), true);
  assert.equal(limiter.size, 10);
  for (let host = 2; host <= 10; host += 1) assert.equal(allowed(`10.0.0.${host}`), false);
});

test('given addresses of every kind, when they become keys, then only what identifies a subscriber is left', () => {
  const keys: readonly (readonly [string, string])[] = [
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:127.0.0.1', '127.0.0.1'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['2001:db8::', '2001:db8:0:0::/64'],
    ['2001:DB8:0:1::1:2', '2001:db8:0:1::/64'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4::/64'],
    ['::5:6:7:8', '0:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['', 'unknown'],
    ['nonsense', 'unknown'],
  ];
  for (const [address, key] of keys) assert.equal(addressKey(address), key, address);
});

test('given addresses, when asked which are loopback, then only the machine itself is', () => {
  for (const own of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) assert.ok(isLoopback(own), own);
  for (const other of ['128.0.0.1', '::2', '::', '::ffff:10.0.0.1', '', 'localhost']) {
    assert.ok(!isLoopback(other), other);
  }
});
