import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../config/index.ts';
import { workerShare } from './worker-share.ts';

function config(workers: number) {
  return loadConfig({
    env: {},
    workingDirectory: '/nowhere',
    overrides: [
      'server.tls_cert=c.pem',
      'server.tls_key=k.pem',
      'server.domain=example.org',
      `server.workers=${workers}`,
      'limits.connections=1000',
      'limits.connections_per_address=100',
      'security.rate_limit.connect_burst=20',
    ],
    runtime: { platform: 'linux', node: '24.0.0' },
  });
}

test('given one worker or two, when limits are shared out, then an address may use all of its limits at either', () => {
  for (const workers of [1, 2]) {
    const share = workerShare(config(workers));
    assert.equal(share.limits.connectionsPerAddress, 100);
    assert.equal(share.rateLimit.connectBurst, 20);
  }
});

test('given many workers, when limits are shared out, then those of the server add up and those of an address to twice as much', () => {
  const share = workerShare(config(8));
  assert.equal(share.limits.connections, 125);
  assert.equal(share.limits.connectionsPerAddress, 25);
  assert.equal(share.rateLimit.connectBurst, 5);
});

test('given more workers than a limit allows, when it is shared out, then none of them has nothing', () => {
  const share = workerShare(config(64));
  assert.equal(share.rateLimit.connectBurst, 1);
  assert.equal(share.limits.connections, 16);
});

test('given limits that are no matter of connections, when they are shared out, then they stay', () => {
  const whole = config(4);
  const share = workerShare(whole);
  assert.equal(share.limits.sessionBacklogBytes, whole.limits.sessionBacklogBytes);
  assert.deepEqual(share.server, whole.server);
});
