import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scheduler } from './scheduler.ts';
import { until, within } from './waiting.ts';

/** Ten timers of one moment and ten callbacks of `soon`, in the order in which they ran. */
async function orderOf(seed?: number): Promise<string> {
  const clock = new Scheduler({ seed });
  const ran: string[] = [];
  for (let number = 0; number < 10; number += 1) {
    clock.after(5, () => ran.push(`timer ${number}`));
    clock.soon(() => ran.push(`soon ${number}`));
  }
  await clock.advance(5);
  assert.equal(new Set(ran).size, 20);
  return ran.join(', ');
}

test('given no seed, when several things may run, then what was asked for first runs first', async () => {
  const numbers = Array.from({ length: 10 }, (_, number) => number);
  const expected = [
    ...numbers.map((number) => `soon ${number}`),
    ...numbers.map((number) => `timer ${number}`),
  ];
  assert.equal(await orderOf(), expected.join(', '));
});

test('given seeds, when several things may run, then each seed has its own order, and the same again', async () => {
  const orders = [await orderOf(1), await orderOf(2), await orderOf(3)];
  assert.equal(new Set(orders).size, 3);
  assert.deepEqual([await orderOf(1), await orderOf(2), await orderOf(3)], orders);
});

test('given timers that set timers, when time passes, then each fires at its time, and what it causes happens before the next', async () => {
  const clock = new Scheduler();
  const ran: string[] = [];
  const note = (what: string): void => void ran.push(`${what} at ${clock.monotonic()}`);
  clock.after(10, () => {
    note('first');
    void Promise.resolve().then(() => clock.soon(() => note('its promise')));
    clock.after(5, () => note('its timer'));
  });
  clock.after(12, () => note('second'));
  const cancel = clock.after(13, () => note('cancelled'));
  cancel();
  await clock.advance(14);
  assert.deepEqual(ran, ['first at 10', 'its promise at 10', 'second at 12']);
  assert.equal(clock.timers, 1);
  await clock.advance(1);
  assert.equal(ran.at(-1), 'its timer at 15');
});

test('given a machine that sleeps, when it wakes up, then all timers fire late and the date has moved as far', () => {
  const clock = new Scheduler({ start: 1_000 });
  const fired: number[] = [];
  for (const delay of [1, 50, 99]) clock.after(delay, () => fired.push(clock.monotonic()));
  clock.sleep(100);
  clock.jump(-400);
  assert.deepEqual(fired, [100, 100, 100]);
  assert.deepEqual([clock.now(), clock.monotonic()], [700, 100]);
});

test('given a condition, when time brings it about, then the wait ends there; when nothing can, then it fails by name', async () => {
  const clock = new Scheduler();
  let done = false;
  clock.after(86_400_000, () => {
    done = true;
  });
  clock.after(86_400_001, () => assert.fail('too late'));
  await clock.until(() => done);
  assert.equal(clock.monotonic(), 86_400_000);
  const idle = new Scheduler();
  await assert.rejects(
    idle.until(() => false, 'the letter'),
    { message: 'the letter does not come about' },
  );
});

test('given code that keeps itself busy for ever, when it should settle, then the wait fails', async () => {
  const clock = new Scheduler();
  let isOver = false;
  const again = (): void => {
    if (!isOver) clock.soon(again);
  };
  again();
  await assert.rejects(clock.settle(), { message: 'it does not come to rest' });
  isOver = true;
});

test('given real time, when its deadline passes or the condition throws, then the wait fails', async () => {
  await assert.rejects(
    until(() => false, 'the answer', within(1)),
    { message: 'the answer does not come about' },
  );
  await assert.rejects(
    until(() => assert.fail('the process has ended'), 'its line'),
    { message: 'the process has ended' },
  );
});
