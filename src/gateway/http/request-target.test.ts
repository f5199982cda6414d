import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasOneHost, requestTarget } from './request-target.ts';

for (const [target, path, query] of [
  ['/connect', '/connect', ''],
  ['/connect?mode=sse', '/connect', 'mode=sse'],
  ['https://chat.example/connect?mode=sse', '/connect', 'mode=sse'],
  ['HTTP://chat.example:8443/healthz', '/healthz', ''],
  ['https://chat.example', '/', ''],
  ['https://chat.example?a=b', '/', 'a=b'],
  ['https://[2001:db8::1]:8443/readyz', '/readyz', ''],
  ['/https://x/connect', '/https://x/connect', ''],
  ['*', '*', ''],
] as const) {
  test(`given the target ${target}, then the path is ${path}`, () => {
    assert.deepEqual(requestTarget(target), { path, query });
  });
}

test('given Host fields, then HTTP/1.1 has exactly one that can be a host, and HTTP/1.0 may have none', () => {
  for (const host of ['localhost', 'chat.example:8443', '[2001:db8::1]:8443', '192.0.2.1', '']) {
    assert.equal(hasOneHost(['Host', host, 'accept', '*/*'], '1.1'), true, host);
  }
  for (const host of ['a b', 'a@b', 'a/b', 'http://a', 'a:b', '[', 'a:1:2']) {
    assert.equal(hasOneHost(['host', host], '1.1'), false, host);
  }
  assert.equal(hasOneHost(['Host', 'a', 'hOST', 'a'], '1.1'), false);
  assert.equal(hasOneHost(['Host', 'a', 'host', 'b'], '1.0'), false);
  assert.equal(hasOneHost([], '1.1'), false);
  assert.equal(hasOneHost([], '1.0'), true);
});
