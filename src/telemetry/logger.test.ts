import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger, sessionTag } from './index.ts';

function recorder() {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  return { lines, destination };
}

test('given a child logger, when it writes, then the line is JSON with level, time, message and both sets of fields', () => {
  const { lines, destination } = recorder();
  createLogger({ level: 'info', destination })
    .child({ session: 'ab' })
    .info({ device: 'd-1' }, 'session opened');
  const [line] = lines;
  assert.equal(line?.level, 'info');
  assert.equal(line?.message, 'session opened');
  assert.equal(line?.session, 'ab');
  assert.equal(line?.device, 'd-1');
  assert.ok(!Number.isNaN(Date.parse(String(line?.time))));
});

test('given a level, when something less severe is written, then there is no line', () => {
  const { lines, destination } = recorder();
  const logger = createLogger({ level: 'warn', destination });
  logger.info({}, 'hello');
  logger.warn({}, 'careful');
  assert.deepEqual(
    lines.map((line) => line.message),
    ['careful'],
  );
});

test('given secrets in fields, nested fields, child fields and configuration, when they are logged, then their values do not appear', () => {
  const { lines, destination } = recorder();
  const logger = createLogger({ level: 'info', destination }).child({ sessionToken: 'hunter2' });
  logger.info({ token: 'hunter2', facts: { session_token: 'hunter2' } }, 'one');
  logger.info({ config: { crypto: { noisePrivate: 'hunter2', prologue: 'commucat' } } }, 'two');
  assert.equal(lines.length, 2);
  assert.ok(!JSON.stringify(lines).includes('hunter2'));
  assert.ok(JSON.stringify(lines).includes('commucat'));
});

test('given an error, when it is logged as err, then its message and code are in the line', () => {
  const { lines, destination } = recorder();
  const logger = createLogger({ level: 'info', destination });
  logger.error({ err: Object.assign(new Error('disk full'), { code: 'ENOSPC' }) }, 'append failed');
  assert.deepEqual(
    { ...(lines[0]?.err as object), stack: '' },
    { type: 'Error', message: 'disk full', code: 'ENOSPC', stack: '' },
  );
});

test('given a session token, when it is tagged, then the tag is short, stable and not part of the token', () => {
  const tag = sessionTag('a'.repeat(64));
  assert.match(tag, /^[0-9a-f]{16}$/);
  assert.equal(tag, sessionTag('a'.repeat(64)));
  assert.notEqual(tag, sessionTag('b'.repeat(64)));
});
