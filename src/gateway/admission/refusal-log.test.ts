import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scheduler } from '../../../test/kit/scheduler.ts';
import { createLogger } from '../../telemetry/index.ts';
import { RefusalLog } from './refusal-log.ts';

function setUp() {
  const lines: Record<string, unknown>[] = [];
  const clock = new Scheduler();
  const logger = createLogger({
    level: 'warn',
    destination: { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  });
  return { clock, lines, log: new RefusalLog(clock, logger) };
}

test('given a proxy that sends no header, when it connects often, then the operator is told once a minute, and how often', async () => {
  const { clock, lines, log } = setUp();
  for (let connection = 0; connection < 50; connection += 1) log.note('tls', 'proxy_missing');
  assert.deepEqual(
    lines.map(({ connections, reason }) => [reason, connections]),
    [['proxy_missing', 1]],
  );
  assert.match(String(lines[0]?.message), /server\.proxy_protocol_from/);
  await clock.advance(60_000);
  log.note('tls', 'proxy_missing');
  assert.equal(lines[1]?.connections, 50);
});

test('given refusals of several reasons and listeners, then each is told, and the noise of a public port is not', () => {
  const { lines, log } = setUp();
  for (const reason of ['proxy_forged', 'stranger', 'not_tls', 'tls_closed']) log.note('plain', reason);
  log.note('tls', 'proxy_forged');
  assert.deepEqual(
    lines.map(({ listener, reason }) => [listener, reason]),
    [
      ['plain', 'proxy_forged'],
      ['plain', 'stranger'],
      ['tls', 'proxy_forged'],
    ],
  );
});
