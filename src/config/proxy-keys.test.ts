import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, loadConfig } from './index.ts';
import { isNetwork } from './network.ts';

const REQUIRED = ['server.tls_cert=c', 'server.tls_key=k', 'server.domain=d'];

function server(...overrides: readonly string[]) {
  return loadConfig({ env: {}, workingDirectory: '/nowhere', overrides: [...REQUIRED, ...overrides] }).server;
}

test('given a plain listener for this machine and no proxy, when it is loaded, then a warning says what that means', () => {
  const load = (...overrides: readonly string[]) =>
    loadConfig({ env: {}, workingDirectory: '/nowhere', overrides: [...REQUIRED, ...overrides] }).warnings;
  const plain = 'server.plain_bind=127.0.0.1:8080';
  assert.match(load(plain).join(), /server\.plain_bind without .*comes from this machine/);
  assert.deepEqual(load(plain, 'server.forwarded_from=127.0.0.1'), []);
});

function problems(...overrides: readonly string[]): readonly string[] {
  try {
    server(...overrides);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems.map(({ key }) => key);
  }
  return [];
}

test('given addresses and networks, when each is judged, then what a BlockList would refuse or misread is no network', () => {
  for (const good of [
    '10.0.0.1',
    '10.0.0.0/8',
    '0.0.0.0/0',
    'fd00::/8',
    '::1',
    '::ffff:10.0.0.1',
    '::/128',
  ]) {
    assert.ok(isNetwork(good), good);
  }
  for (const bad of [
    '',
    '10.0.0',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    'fe80::1%eth0',
  ]) {
    assert.ok(!isNetwork(bad), bad);
  }
  for (const bad of ['fd00::/129', 'localhost', '10.0.0.0/08x', ' 10.0.0.1']) assert.ok(!isNetwork(bad), bad);
});

test('given a list of networks as a text, when it is loaded, then commas separate and blanks mean nothing', () => {
  assert.deepEqual(server().forwardedFrom, []);
  assert.deepEqual(server('server.forwarded_from= 10.0.0.0/8, ::1 ,').forwardedFrom, ['10.0.0.0/8', '::1']);
  assert.deepEqual(problems('server.proxy_protocol_from=10.0.0.0/8,10.0.0.300'), [
    'server.proxy_protocol_from',
  ]);
});

test('given a plain listener that others can reach, when no proxies are named, then the configuration is refused', () => {
  assert.deepEqual(problems('server.plain_bind=0.0.0.0:8080'), ['server.plain_bind']);
  assert.deepEqual(problems('server.plain_bind=[::]:8080'), ['server.plain_bind']);
  assert.deepEqual(problems('server.plain_bind=127.0.0.1.example:8080'), ['server.plain_bind']);
  for (const host of ['127.0.0.1', '[::1]', 'localhost']) {
    assert.deepEqual(problems(`server.plain_bind=${host}:8080`), []);
  }
  for (const key of ['forwarded_from', 'proxy_protocol_from']) {
    assert.deepEqual(problems('server.plain_bind=0.0.0.0:8080', `server.${key}=10.0.0.0/8`), []);
  }
});
