import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { serialAfter, serialNext } from '../../protocol/serial.ts';
import type { FrameRefusal } from '../../relay-port/relay-port.ts';
import { Lane } from './lane.ts';

/** What has become of a frame, as whoever sent it would say after having heard everything. */
type Fate = 'accepted' | 'stored' | 'refused';

/** What the log has of the lane, in its order. */
type Written =
  | { readonly stored: number; readonly refused: readonly FrameRefusal[] }
  | { readonly received: number; readonly refused: readonly FrameRefusal[] };

type Step = 'refuse' | 'accept' | 'skip' | 'store' | 'takeBack' | 'write' | 'truncate' | 'restart' | 'stop';

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom<Step>('refuse', 'accept', 'accept', 'store', 'store') },
    {
      weight: 2,
      arbitrary: fc.constantFrom<Step>('skip', 'takeBack', 'write', 'truncate', 'restart', 'stop'),
    },
  ),
  { minLength: 1, maxLength: 80 },
);

/**
 * A device that numbers its frames upwards, its lane, and the log. When the log refuses, or the server starts again, the
 * device sends everything behind `received` once more, as PROTOCOL.md 11.3 asks.
 */
class Sender {
  lane = new Lane();
  readonly #fates = new Map<number, Fate>();
  #sequence: number;
  #onTheirWay: { readonly sequence: number; readonly refused: readonly FrameRefusal[] }[] = [];
  #received: number | undefined;
  #log: Written[] = [];

  constructor(first: number) {
    this.#sequence = first;
  }

  take(step: Step): void {
    switch (step) {
      case 'skip':
        // A frame that is not durable has a number, too.
        this.#sequence = serialNext(this.#sequence);
        return;
      case 'refuse':
        this.#send('refused');
        return;
      case 'accept':
        this.#send('accepted');
        return;
      case 'store':
        this.#store();
        return;
      case 'takeBack':
        this.lane.takeBack();
        this.#startOver();
        return;
      case 'write':
        this.#log.push({ received: this.lane.receivedToStore, refused: this.lane.refusals });
        return;
      case 'truncate':
        // Only the newest counters are kept, and they cover every letter before them.
        this.#log = this.#log.slice(
          Math.max(
            0,
            this.#log.findLastIndex((entry) => 'received' in entry),
          ),
        );
        return;
      case 'restart':
        this.#restart();
        return;
      case 'stop':
        for (const one of ['write', 'truncate', 'restart'] as const) this.take(one);
    }
  }

  #send(fate: 'refused' | 'accepted'): void {
    const sequence = this.#sequence;
    this.#sequence = serialNext(sequence);
    assert.equal(this.lane.hasTaken(sequence), false);
    if (fate === 'refused') this.lane.refuse(sequence, 'limit');
    else this.#onTheirWay.push({ sequence, refused: this.lane.accept(sequence) });
    this.#fates.set(sequence, fate);
  }

  #store(): void {
    const first = this.#onTheirWay.shift();
    if (first === undefined) return;
    const { sequence, refused } = first;
    for (const refusal of refused) {
      assert.ok(serialAfter(sequence, refusal.sequence), 'a refusal travels with a frame behind it');
      assert.ok(this.#received === undefined || serialAfter(refusal.sequence, this.#received));
    }
    this.lane.store(sequence);
    this.#received = sequence;
    this.#fates.set(sequence, 'stored');
    this.#log.push({ stored: sequence, refused });
  }

  #restart(): void {
    this.lane = new Lane();
    for (const entry of this.#log) {
      if ('stored' in entry) this.lane.restore(entry.stored, entry.refused);
      else this.lane.restoreCounters(entry.received, entry.refused);
    }
    this.#startOver();
  }

  /** Whatever lies behind `received` is sent again. */
  #startOver(): void {
    this.#onTheirWay = [];
    const received = this.#received;
    for (const sequence of this.#fates.keys()) {
      if (received !== undefined && !serialAfter(sequence, received)) continue;
      this.#fates.delete(sequence);
      if (serialAfter(this.#sequence, sequence)) this.#sequence = sequence;
    }
  }

  check(): void {
    const { lane } = this;
    assert.equal(lane.received, this.#received);
    assert.ok(lane.received === undefined || lane.hasTaken(lane.received), 'received is at most accepted');
    assert.equal(lane.hasTaken(this.#sequence), false);
    for (const [sequence, fate] of this.#fates) {
      if (fate !== 'refused') {
        assert.ok(lane.hasTaken(sequence));
        assert.equal(lane.refusalOf(sequence), undefined, `${sequence} was accepted`);
      } else if (lane.hasTaken(sequence)) {
        // Or its sender would be told that it was stored.
        assert.equal(lane.refusalOf(sequence), 'limit', `${sequence} was refused`);
      }
    }
  }
}

test('given any frames that are refused, accepted, stored or taken back, and restarts, when they come again, then none that was refused is taken for a stored one, nor the other way round', () => {
  const first = fc.constantFrom(0, 1, 2 ** 31 - 5, 2 ** 32 - 5);
  fc.assert(
    fc.property(first, steps, (from, all) => {
      const sender = new Sender(from);
      for (const step of all) {
        sender.take(step);
        sender.check();
      }
    }),
    { numRuns: 500 },
  );
});
