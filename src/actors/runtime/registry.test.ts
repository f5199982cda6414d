import assert from 'node:assert/strict';
import { test } from 'node:test';
import { channel } from '../../../test/kit/stream-names.ts';
import { turns } from '../../../test/kit/waiting.ts';
import type { EventLog, StreamAppend } from '../../log/event-log.ts';
import { LogError } from '../../log/log-error.ts';
import { MemoryLog } from '../../log/memory/memory-log.ts';
import { systemClock } from '../../system/index.ts';
import type { Decision } from './aggregate.ts';
import { Registry } from './registry.ts';

type Added = { readonly type: 'added'; readonly amount: number };
const STREAM = channel('sum');
/** No more can be added. */
const OVER = 255;

/** A sum as an actor, over a log that can be made to wait and that counts what is appended. */
function sums(maxBytes = 1_000_000) {
  const memory = new MemoryLog(systemClock);
  const appended: number[] = [];
  let failure: unknown;
  const log = new Proxy<EventLog>(memory, {
    get(target, key) {
      if (key === 'append') {
        return async (appends: readonly StreamAppend[]) => {
          if (failure !== undefined) throw failure;
          appended.push(...appends.map(({ events }) => events.length));
          return target.append(appends);
        };
      }
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const registry = new Registry<number, Added>({
    log,
    clock: systemClock,
    idleAfter: 3_600_000,
    maxBytes,
    kind: {
      start: () => {
        let state = 0;
        return {
          send: ({ events }) => {
            state = events.reduce((sum, { amount }) => sum + amount, state);
          },
          getSnapshot: () => ({ context: { state } }),
          stop: () => undefined,
        };
      },
      encode: ({ type, amount }) => ({ type, data: Uint8Array.of(amount) }),
      decode: ({ data }) => ({ type: 'added', amount: data[0] ?? 0 }),
      evolve: (sum, { amount }) => sum + amount,
      isOver: (sum) => sum === OVER,
      devices: () => 1,
    },
  });
  const add = (amount: number, most = 255, stream = STREAM) =>
    registry.execute(stream, (sum): Decision<Added, 'too_much'> => {
      return sum + amount > most
        ? { ok: false, rejection: 'too_much' }
        : { ok: true, events: [{ type: 'added', amount }] };
    });
  const fail = (error: unknown): void => {
    failure = error;
  };
  return { memory, registry, appended, add, fail };
}

test('given commands that come while one is being written, then the next append takes all of them, each decided upon those before', async () => {
  const { registry, appended, add } = sums();
  const first = add(1);
  await turns();
  const outcomes = await Promise.all([first, add(2), add(4, 6), add(8)]);
  assert.deepEqual(
    outcomes.map((outcome) => (outcome.ok ? outcome.state : outcome.rejection)),
    [1, 3, 'too_much', 11],
  );
  assert.ok(appended.length <= 2, `${appended}`);
  assert.equal(
    appended.reduce((sum, events) => sum + events, 0),
    3,
  );
  assert.equal(await registry.state(STREAM), 11);
  registry.stop();
  assert.equal(await registry.state(STREAM), 11, 'and so it stands in the log');
  registry.stop();
});

test('given a log that refuses, then every command of the append fails, and later ones start from what is in the log', async () => {
  const { registry, add, fail } = sums();
  await add(1);
  fail(new LogError('LOG_UNAVAILABLE', 'simulated', { retryable: true }));
  const failed = await Promise.allSettled([add(2), add(4)]);
  assert.deepEqual(
    failed.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  fail(undefined);
  const outcome = await add(8);
  assert.equal(outcome.ok && outcome.state, 9);
  registry.stop();
});

test('given somebody else who appended first, then all commands are decided again upon that', async () => {
  const { registry, memory, add } = sums();
  await add(1);
  await memory.append([
    { stream: STREAM, expected: 'any', events: [{ type: 'added', data: Uint8Array.of(100) }] },
  ]);
  const outcomes = await Promise.all([add(2, 50), add(4)]);
  assert.deepEqual(
    outcomes.map((outcome) => (outcome.ok ? outcome.state : outcome.rejection)),
    ['too_much', 105],
  );
  registry.stop();
});

test('given more commands than one append takes, then all are carried out', async () => {
  const { registry, add } = sums();
  const outcomes = await Promise.all(Array.from({ length: 1000 }, () => add(1, 2000)));
  assert.ok(outcomes.every(({ ok }) => ok));
  assert.equal(await registry.state(STREAM), 1000);
  registry.stop();
});

test('given an actor in which nothing can happen any more, then it is dropped at once, and its stream still answers', async () => {
  const { registry, add } = sums();
  await add(1);
  assert.equal(registry.size, 1);
  await add(OVER - 1);
  assert.equal(registry.size, 0);
  assert.equal(await registry.state(STREAM), OVER);
  registry.stop();
});

test('given more actors than memory is allowed for, then those used longest ago are dropped, and come back when they are needed', async () => {
  const { registry, add } = sums(20_000);
  for (let number = 0; number < 20; number += 1) await add(number + 1, 255, channel(`${number}`));
  assert.ok(registry.size < 6, `${registry.size} actors`);
  assert.equal(await registry.state(channel('0')), 1);
  assert.equal(await registry.state(channel('19')), 20);
  registry.stop();
});
