import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startGateway, type TestGateway } from '../integration/gateway-support.ts';
import { dial, secure } from '../listeners/raw-client.ts';

const limits = { timeout: 30_000 };
let gateway: TestGateway;

before(async () => {
  gateway = await startGateway(['limits.first_request_ms=600']);
});
after(() => gateway.close());

/** Everything that the server answers to these bytes until it closes the connection. */
async function say(text: string): Promise<string> {
  const tls = await secure(await dial(gateway.port), gateway.ca);
  let answer = '';
  tls.setEncoding('latin1').on('data', (chunk: string) => {
    answer += chunk;
  });
  tls.write(text);
  await new Promise((resolve) => tls.once('close', resolve));
  return answer;
}

async function limitReached(): Promise<number> {
  const page = await gateway.metrics.expose();
  return Number(/commucat_limit_reached_total\{limit="first_request_ms"\} (\d+)/.exec(page)?.[1] ?? 0);
}

for (const [what, head] of [
  ['two Host fields', 'GET /healthz HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n\r\n'],
  ['two different Host fields', 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nhOsT: other\r\n\r\n'],
  ['two Host fields of HTTP/1.0', 'GET /healthz HTTP/1.0\r\nhost: a\r\nhost: a\r\n\r\n'],
  ['no Host field', 'GET /healthz HTTP/1.1\r\naccept: */*\r\n\r\n'],
  ['a Host that no host can have', 'GET /healthz HTTP/1.1\r\nhost: a b\r\n\r\n'],
  [
    'two Host fields and an upgrade',
    'GET /connect HTTP/1.1\r\nhost: a\r\nhost: b\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  ],
] as const) {
  test(`3.2: given ${what}, then 400 and the connection ends`, limits, async () => {
    assert.match(await say(head), /^HTTP\/1\.1 400 [^\r]*\r\n/);
  });
}

test('3.2.2: given targets in absolute form, then they are the paths that they name', limits, async () => {
  for (const [target, status] of [
    ['https://localhost/healthz', 200],
    ['http://other.example:1/healthz?x', 200],
    ['https://localhost', 404],
    ['https://localhost/connect?mode=sse', 200],
  ] as const) {
    const answer = await say(`GET ${target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`);
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), target);
  }
});

test(
  '9.3: given a connection that is kept, when nothing comes after an answer, then it ends by limits.first_request_ms',
  limits,
  async () => {
    const counted = await limitReached();
    const answer = await say('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n');
    assert.match(answer, /^HTTP\/1\.1 200 /);
    assert.equal(await limitReached(), counted + 1);
  },
);

test('given SSE and NDJSON, then proxies are asked to pass each line on at once', limits, async () => {
  for (const mode of ['sse', 'long-poll']) {
    const answer = await say(`GET /connect?mode=${mode} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
    assert.match(answer, /\r\nx-accel-buffering: no\r\n/i, mode);
  }
});
