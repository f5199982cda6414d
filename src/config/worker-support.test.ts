import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError } from './config-error.ts';
import { loadConfig } from './load-config.ts';
import type { Runtime } from './worker-support.ts';

function load(workers: string, runtime: Runtime) {
  return loadConfig({
    env: {},
    workingDirectory: '/nowhere',
    overrides: [
      'server.tls_cert=c.pem',
      'server.tls_key=k.pem',
      'server.domain=example.org',
      `server.workers=${workers}`,
    ],
    runtime,
  });
}

const OLD: readonly Runtime[] = [
  { platform: 'linux', node: '20.20.2' },
  { platform: 'linux', node: '23.0.0' },
  { platform: 'darwin', node: '24.1.0' },
];

for (const runtime of OLD) {
  test(`given ${runtime.platform} and Node.js ${runtime.node}, when workers are asked for, then the error says what was found`, () => {
    const found = runtime.platform === 'linux' ? `2 on Node.js ${runtime.node}` : `2 on ${runtime.platform}`;
    assert.throws(
      () => load('2', runtime),
      (error) => error instanceof ConfigError && error.message.includes(found),
    );
  });

  test(`given ${runtime.platform} and Node.js ${runtime.node}, when no workers are asked for, then the server may start`, () => {
    assert.equal(load('0', runtime).server.workers, 0);
  });
}

for (const node of ['23.1.0', '24.0.0', '100.2.3']) {
  test(`given Linux and Node.js ${node}, when workers are asked for, then the configuration has them`, () => {
    assert.equal(load('64', { platform: 'linux', node }).server.workers, 64);
  });
}

test('given more than 64 workers, when the configuration is read, then it is refused', () => {
  assert.throws(() => load('65', { platform: 'linux', node: '24.0.0' }), ConfigError);
});
