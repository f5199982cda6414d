import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../ports/ports.ts';
import { Heartbeat } from './heartbeat.ts';

/** A clock that moves when told to. `late`: milliseconds by which each timer fires too late. */
class SteppedClock implements Clock {
  #now = 0;
  #timers: { at: number; callback: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { at: this.#now + delayMs, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((known) => known !== timer);
    };
  }

  soon(callback: () => void): void {
    this.after(0, callback);
  }

  get timers(): number {
    return this.#timers.length;
  }

  /** Lets the time pass and fires what is due then: timers of a machine that slept all fire at its end. */
  sleep(ms: number): void {
    this.#now += ms;
    const due = this.#timers.filter(({ at }) => at <= this.#now);
    this.#timers = this.#timers.filter(({ at }) => at > this.#now);
    for (const { callback } of due) callback();
  }

  /** Lets the time pass millisecond by millisecond. */
  pass(ms: number): void {
    for (let step = 0; step < ms; step += 1) this.sleep(1);
  }
}

function listen() {
  const clock = new SteppedClock();
  const told: string[] = [];
  const heartbeat = new Heartbeat(
    clock,
    { afterMs: 30, timeoutMs: 10 },
    { silent: () => told.push(`silent ${clock.now()}`), dead: () => told.push(`dead ${clock.now()}`) },
  );
  return { clock, told, heartbeat };
}

test('given a peer that says nothing, when the time has passed, then it is asked once and then given up', () => {
  const { clock, told } = listen();
  clock.pass(200);
  assert.deepEqual(told, ['silent 30', 'dead 40']);
});

test('given a peer that answers each question, when time passes, then it is never given up', () => {
  const { clock, told, heartbeat } = listen();
  for (let second = 0; second < 200; second += 1) {
    clock.pass(1);
    if (told.at(-1) === `silent ${clock.now() - 5}`) heartbeat.heard();
  }
  // Every 30 after an answer that takes 5.
  assert.deepEqual(told, ['silent 30', 'silent 65', 'silent 100', 'silent 135', 'silent 170']);
});

test('given a peer that talks by itself, when time passes, then it is not asked', () => {
  const { clock, told, heartbeat } = listen();
  for (let step = 0; step < 50; step += 1) {
    clock.pass(20);
    heartbeat.heard();
  }
  assert.deepEqual(told, []);
});

test('given a machine that slept, when it wakes up, then the peer is asked before it is given up', () => {
  const { clock, told, heartbeat } = listen();
  clock.sleep(100_000);
  assert.deepEqual(told, ['silent 100000']);
  clock.pass(3);
  heartbeat.heard();
  clock.pass(20);
  assert.deepEqual(told, ['silent 100000']);
});

test('given a heartbeat that is stopped, when time passes, then no timer is left', () => {
  const { clock, told, heartbeat } = listen();
  clock.pass(35);
  heartbeat.stop();
  assert.equal(clock.timers, 0);
  assert.deepEqual(told, ['silent 30']);
});
