import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createForwardingLogger, type LogLine, writeForwarded } from './forwarding-logger.ts';
import { createLogger } from './logger.ts';

function recorded(level: 'debug' | 'warn' | 'silent') {
  const lines: LogLine[] = [];
  const logger = createForwardingLogger(level, (line) => void lines.push(structuredClone(line)));
  return { lines, logger };
}

test('given a level, when lines are written, then only those from it on are forwarded', () => {
  const { lines, logger } = recorded('warn');
  logger.debug({}, 'one');
  logger.info({}, 'two');
  logger.warn({}, 'three');
  logger.fatal({}, 'four');
  assert.deepEqual(
    lines.map(({ message }) => message),
    ['three', 'four'],
  );
  const silent = recorded('silent');
  silent.logger.fatal({}, 'nothing');
  assert.deepEqual(silent.lines, []);
});

test('given a logger with fields of its own, when it writes a line, then it has both', () => {
  const { lines, logger } = recorded('debug');
  logger.child({ a: 1, b: 1 }).child({ c: 1 }).debug({ b: 2 }, 'line');
  assert.deepEqual(lines, [{ level: 'debug', fields: { a: 1, b: 2, c: 1 }, message: 'line' }]);
});

test('given an error with a code and a cause, when it is forwarded to another thread, then all of it arrives', () => {
  const { lines, logger } = recorded('debug');
  const cause = new Error('inner');
  logger.error({ err: Object.assign(new Error('outer', { cause }), { code: 'EADDRINUSE' }) }, 'failed');
  const err = lines[0]?.fields.err as Record<string, unknown>;
  assert.equal(err.code, 'EADDRINUSE');
  assert.match(String(err.message), /outer/);
  assert.match(String(err.stack), /inner/);
});

test('given a forwarded error, when the other thread writes it, then the line is as if it had happened there, without secrets', () => {
  const { lines, logger } = recorded('debug');
  const error = Object.assign(new RangeError('too far'), { code: 'FAR', token: 'hidden' });
  logger.error({ err: error, step: 3 }, 'failed');
  const written: string[] = [];
  const writer = createLogger({ level: 'info', destination: { write: (line) => void written.push(line) } });
  for (const line of lines) writeForwarded(writer.child({ worker: 1 }), line);
  writer.error({ err: error, step: 3 }, 'failed');
  const [forwarded, direct] = written.map((line) => JSON.parse(line));
  assert.equal(forwarded.worker, 1);
  assert.equal(forwarded.err.type, 'RangeError');
  assert.equal(forwarded.err.token, '[secret]');
  for (const key of ['type', 'message', 'stack', 'code', 'token']) {
    assert.equal(forwarded.err[key], direct.err[key]);
  }
  assert.equal(forwarded.step, direct.step);
});
