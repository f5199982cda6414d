import assert from 'node:assert/strict';
import { realpathSync } from 'node:fs';
import { test } from 'node:test';
import { cpuSeconds, cpuSecondsWithin, openFilesLimit, residentBytes, threadCpu } from './process-figures.ts';

/** Until the kernel has counted some ticks of this process. */
function work(): void {
  const begin = cpuSeconds(process.pid);
  while (cpuSeconds(process.pid) < begin + 0.05);
}

test('the CPU time of a process is what the process itself is told', () => {
  work();
  const { user, system } = process.cpuUsage();
  // Ticks of 10 ms, in each of two sums.
  assert.ok(Math.abs(cpuSeconds(process.pid) - (user + system) / 1_000_000) < 0.1);
});

test('the threads of a process have its CPU time among them, the main one first of all', () => {
  work();
  const threads = threadCpu(process.pid);
  const sum = [...threads.values()].reduce((total, { seconds }) => total + seconds, 0);
  assert.ok(threads.size > 1);
  assert.ok((threads.get(process.pid)?.seconds ?? 0) > 0);
  assert.ok(sum <= cpuSeconds(process.pid) + 0.1);
  assert.ok(threads.get(process.pid)?.name !== '');
});

test('processes are found by the folder in which they work', () => {
  assert.ok(cpuSecondsWithin(realpathSync('.')) >= cpuSeconds(process.pid) - 0.1);
  assert.equal(cpuSecondsWithin('/no/such/folder'), 0);
});

test('memory and open files are those of this process', () => {
  assert.ok(Math.abs(residentBytes(process.pid) - process.memoryUsage.rss()) < 64 * 1_048_576);
  assert.ok(openFilesLimit() >= 64);
});
