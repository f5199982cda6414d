import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServerProcess } from '../kit/server-process.ts';
import { soak } from './soak.ts';
import { trendOf } from './trend.ts';
import { judge } from './verdict.ts';

test('given mixed load over every door with broken connections, absences and slow readers, when it ends, then everything was delivered once and in order, and the log is clean', {
  timeout: 180_000,
}, async (t) => {
  await using server = await ServerProcess.start();
  const figures = await soak(server, { seconds: 15, seed: 7 });
  const { problems } = await judge(server, { ...figures, memory: [] });
  const { memory: _memory, faults: _faults, ...told } = figures;
  t.diagnostic(JSON.stringify(told));
  assert.deepEqual(problems, []);
  assert.ok(figures.breaks > 0 && figures.absences > 0 && figures.received > figures.sent);
});

test('given samples, when a line is laid through them, then a sawtooth has no growth and a leak has its own', () => {
  const sawtooth = Array.from({ length: 100 }, (_, at) => ({ at, value: 1_000 + (at % 10) * 20 }));
  assert.ok(Math.abs(trendOf(sawtooth).share) < 0.03);
  const leak = Array.from({ length: 100 }, (_, at) => ({ at, value: 1_000 + at * 3 + (at % 10) * 20 }));
  assert.ok(Math.abs(trendOf(leak).growth - 297) < 30);
});
