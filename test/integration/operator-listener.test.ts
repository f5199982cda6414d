import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkOperators } from '../../cli/diagnose/operator.ts';
import { prepareDevServer } from '../../cli/server/dev-server.ts';
import { addressOf, type Config, OPERATOR_DEFAULT } from '../../src/config/index.ts';
import { openOperatorListener } from '../../src/operator/operator-listener.ts';
import { type Server, startServer } from '../../src/server/server.ts';
import { createLogger, createMetrics } from '../../src/telemetry/index.ts';
import { startRunningServer } from '../kit/running-server.ts';

const limits = { timeout: 30_000 };

function originOf({ operator }: Pick<Server, 'operator'>): string {
  assert.ok(operator);
  return `http://${operator.host}:${operator.port}`;
}

/** What the listener needs of a server, without one. */
function open(operatorBind: string | undefined, lines: string[] = []) {
  const metrics = createMetrics();
  return openOperatorListener({
    server: { operatorBind },
    logger: createLogger({ level: 'warn', destination: { write: (line) => void lines.push(line) } }),
    metrics,
    ready: async () => true,
    version: '1.2.3',
    uptimeSeconds: () => 1,
    connections: async () => 0,
  });
}

/** Takes an address, unless somebody else has it already. */
async function occupy(bind: string): Promise<() => void> {
  const other = createServer();
  await new Promise<void>((resolve) => {
    other.once('error', () => resolve());
    other.listen(addressOf(bind), () => resolve());
  });
  return () => other.close();
}

test(
  'given a proxy on the same machine that speaks PROXY, when an operator looks, then the listener for operators answers',
  limits,
  async () => {
    await using running = await startRunningServer([
      'server.operator_bind=127.0.0.1:0',
      'server.proxy_protocol_from=127.0.0.1',
    ]);
    const origin = originOf(running.server);
    const metrics = await fetch(`${origin}/metrics`);
    assert.equal(metrics.status, 200);
    assert.match(await metrics.text(), /^commucat_log_healthy 1$/m);
    const health = (await (await fetch(`${origin}/healthz`)).json()) as Record<string, unknown>;
    assert.equal(health.status, 'healthy');
    assert.equal(await (await fetch(`${origin}/readyz`)).text(), 'ready');
    for (const path of ['/', '/connect', '/api/server-info', '/metrics/x']) {
      assert.equal((await fetch(origin + path)).status, 404, path);
    }
    assert.equal((await fetch(`${origin}/readyz`, { method: 'POST', body: 'x' })).status, 404);
  },
);

test(
  'given a server that drains, when an operator looks, then it is not ready and answers until the end',
  limits,
  async () => {
    const running = await startRunningServer([
      'server.operator_bind=127.0.0.1:0',
      'server.drain_delay_ms=1500',
    ]);
    const origin = originOf(running.server);
    const closed = running[Symbol.asyncDispose]();
    const answer = await fetch(`${origin}/readyz`);
    assert.deepEqual([answer.status, await answer.text()], [503, 'degraded']);
    await closed;
    await assert.rejects(fetch(`${origin}/readyz`));
  },
);

test('given an address of the operator that is taken, then the server does not start', limits, async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const address = other.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const data = mkdtempSync(join(tmpdir(), 'commucat-operator-'));
  try {
    const set = ['storage.postgres_dsn=none', `server.operator_bind=127.0.0.1:${port}`];
    const { config } = await prepareDevServer({ data, port: 0, set });
    const started = startServer({ config, logger: createLogger({ level: 'silent' }) });
    await assert.rejects(started, { code: 'EADDRINUSE' });
  } finally {
    other.close();
    rmSync(data, { recursive: true, force: true });
  }
});

test('given the default address that is taken, then the server goes without, and says so; "none" is none', async () => {
  const release = await occupy(OPERATOR_DEFAULT);
  const lines: string[] = [];
  try {
    await using listener = await open(undefined, lines);
    assert.equal(listener.address, undefined);
    assert.match(lines.join(''), /server\.operator_bind/);
  } finally {
    release();
  }
  await using none = await open('none');
  assert.equal(none.address, undefined);
});

test('given a listener, then diagnose asks there; without one it warns of the default and fails for a chosen one', async () => {
  const listener = await open('127.0.0.1:0');
  const port = listener.address?.port ?? 0;
  const check = (operatorBind: string | undefined) =>
    checkOperators({ server: { operatorBind } } as unknown as Config);
  const found = await check(`127.0.0.1:${port}`);
  assert.deepEqual([found.status, found.check], ['ok', 'operators']);
  assert.match(found.detail, /version 1\.2\.3, 0 sessions/);
  await listener[Symbol.asyncDispose]();
  assert.equal((await check(`127.0.0.1:${port}`)).status, 'fail');
  assert.equal((await check('none')).status, 'left_out');
  assert.equal((await check('127.0.0.1:0')).status, 'left_out');
});
