import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { serialAfter, serialDistance } from '../../protocol/serial.ts';
import { type Letter, MailStream } from './letter.ts';
import { Mailbox, type StoredCounters } from './mailbox.ts';

const MAIL = new MailStream('k');
const NEVER = Number.POSITIVE_INFINITY;

/** What the log has of the mailbox, in its order. */
type Written = { readonly number: number; readonly letter: Letter } | { readonly counters: StoredCounters };

type Step =
  | { readonly do: 'batch'; readonly letters: readonly boolean[]; readonly isRefused: boolean }
  | { readonly do: 'send' | 'confirm'; readonly part: number }
  | {
      readonly do: 'miss' | 'hear' | 'expire' | 'write' | 'truncate' | 'restart' | 'stop' | 'confirmTooMuch';
    };

const part = fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true }));
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('batch' as const),
      // Whether a letter's time is short.
      letters: fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
      isRefused: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('send' as const, 'confirm' as const), part }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('miss', 'hear', 'expire', 'write', 'truncate', 'restart', 'stop', 'confirmTooMuch'),
    }),
  },
) as fc.Arbitrary<Step>;

/** A mailbox, and beside it what anybody would write down who watches. */
class Watched {
  mailbox: Mailbox;
  readonly #first: number;
  /** Letters that wait, by number, in order. */
  waiting: { readonly number: number; readonly letter: Letter }[] = [];
  missed = 0;
  confirmed: number;
  sent: number;
  next: number;
  log: Written[] = [];
  #revision = 0;

  constructor(first: number) {
    this.#first = first;
    this.mailbox = new Mailbox('a', first);
    this.next = first;
    this.confirmed = (first - 1) >>> 0;
    this.sent = this.confirmed;
  }

  take(one: Step): void {
    switch (one.do) {
      case 'batch':
        this.#batch(one.letters, one.isRefused);
        return;
      case 'send':
        this.#send(one.part);
        return;
      case 'confirm':
        this.#confirm(
          (this.confirmed + Math.round(one.part * serialDistance(this.confirmed, this.sent))) >>> 0,
        );
        return;
      case 'confirmTooMuch':
        assert.deepEqual(this.mailbox.confirm((this.sent + 1) >>> 0), { ok: false });
        return;
      case 'miss':
        this.mailbox.refuse();
        this.missed += 1;
        return;
      case 'hear':
        this.mailbox.noteHeard(this.missed);
        this.missed = 0;
        return;
      case 'expire':
        this.#expire();
        return;
      case 'write':
        this.log.push({ counters: countersOf(this.mailbox) });
        return;
      case 'truncate':
        this.#truncate();
        return;
      case 'restart':
        this.#restart();
        return;
      case 'stop':
        for (const last of ['write', 'truncate', 'restart'] as const) this.take({ do: last });
    }
  }

  #batch(letters: readonly boolean[], isRefused: boolean): void {
    const numbers = letters.map(() => this.mailbox.accept());
    assert.deepEqual(
      numbers,
      letters.map((_, index) => (this.next + index) >>> 0),
    );
    if (isRefused) {
      this.mailbox.takeBack();
      return;
    }
    for (const [index, isShort] of letters.entries()) {
      const number = numbers[index] ?? assert.fail();
      const letter = {
        mail: MAIL,
        revision: this.#revision,
        expiresAt: isShort ? 1 : NEVER,
        bytes: 10 + index,
        waiting: 1,
      };
      this.#revision += 1;
      this.mailbox.deliver(letter, 5, 7, new Uint8Array());
      this.waiting.push({ number, letter });
      this.log.push({ number, letter });
      this.next = (number + 1) >>> 0;
    }
  }

  #send(share: number): void {
    const last = (this.next - 1) >>> 0;
    this.sent = (this.sent + Math.round(share * serialDistance(this.sent, last))) >>> 0;
    this.mailbox.noteSent(this.sent);
  }

  #confirm(number: number): void {
    const result = this.mailbox.confirm(number);
    const done = this.waiting.filter((entry) => !serialAfter(entry.number, number));
    assert.deepEqual(result, { ok: true, letters: done.map(({ letter }) => letter) });
    this.waiting = this.waiting.filter((entry) => serialAfter(entry.number, number));
    this.confirmed = number;
  }

  #expire(): void {
    const living = this.waiting.findIndex(({ letter }) => letter.expiresAt === NEVER);
    const expired = this.waiting.splice(0, living < 0 ? this.waiting.length : living);
    assert.deepEqual(
      this.mailbox.expire(1),
      expired.map(({ letter }) => letter),
    );
  }

  /** Only the newest counters are kept, and no letter that they cover. */
  #truncate(): void {
    const counters = this.#written;
    if (counters === undefined) return;
    const through = counters.expired ?? counters.confirmed;
    this.log = this.log.filter((entry) =>
      'counters' in entry ? entry.counters === counters : serialAfter(entry.number, through),
    );
  }

  get #written(): StoredCounters | undefined {
    return this.log.findLast((entry) => 'counters' in entry)?.counters;
  }

  /** Everything that happened since the counters were written last comes back as it was then. */
  #restart(): void {
    const restored = new Mailbox('a', this.#first);
    const dropped: Letter[] = [];
    for (const entry of this.log) {
      if ('counters' in entry) dropped.push(...restored.restoreCounters(entry.counters));
      else restored.restoreLetter(entry.number, entry.letter);
    }
    const counters = this.#written;
    const through = counters?.expired ?? counters?.confirmed ?? (this.#first - 1) >>> 0;
    this.waiting = this.log.filter(
      (entry) => 'number' in entry && serialAfter(entry.number, through),
    ) as Watched['waiting'];
    for (const { letter } of this.waiting) assert.ok(!dropped.includes(letter));
    this.missed = counters?.missed ?? 0;
    this.confirmed = counters?.confirmed ?? (this.#first - 1) >>> 0;
    // Any of it may have been sent.
    this.sent = (this.next - 1) >>> 0;
    this.mailbox = restored;
  }

  check(): void {
    const { mailbox, waiting, next } = this;
    assert.equal(mailbox.next, next);
    assert.equal(mailbox.confirmed, this.confirmed);
    assert.equal(mailbox.highestSent, this.sent);
    assert.equal(mailbox.missed, this.missed);
    assert.equal(mailbox.stored, waiting.length);
    assert.equal(
      mailbox.storedBytes,
      waiting.reduce((sum, { letter }) => sum + letter.bytes, 0),
    );
    assert.equal(mailbox.base, waiting[0]?.number ?? next);
    assert.ok(serialAfter(mailbox.base, mailbox.confirmed));
    assert.ok(!serialAfter(mailbox.highestSent, (next - 1) >>> 0));
    assert.equal(mailbox.lettersThrough((next - 1) >>> 0), waiting.length);
    for (const { number, letter } of waiting) assert.equal(mailbox.letter(number), letter);
    assert.equal(mailbox.letter(next), undefined);
    const { expired } = mailbox;
    if (expired !== undefined) {
      assert.ok(serialAfter(expired, mailbox.confirmed) && serialAfter(next, expired));
    }
  }
}

function countersOf({ confirmed, next, missed, expired }: Mailbox): StoredCounters {
  return { confirmed, next, missed, expired };
}

test('given any letters, confirmations, refusals and restarts, when they come to a mailbox, then its counters and its letters are those of whoever wrote down what happened', () => {
  const first = fc.constantFrom(1, 2 ** 31 - 3, 2 ** 32 - 4);
  fc.assert(
    fc.property(first, fc.array(step, { minLength: 1, maxLength: 60 }), (from, steps) => {
      const watched = new Watched(from);
      for (const one of steps) {
        watched.take(one);
        watched.check();
      }
    }),
    { numRuns: 1000 },
  );
});

test('given a letter that was not accepted, or more missed frames than there were, when they come, then the mailbox says so', () => {
  const mailbox = new Mailbox('a');
  const letter: Letter = { mail: MAIL, revision: 0, expiresAt: NEVER, bytes: 10, waiting: 1 };
  assert.throws(() => mailbox.deliver(letter, 5, 7, new Uint8Array()), RangeError);
  mailbox.refuse();
  assert.throws(() => mailbox.noteHeard(2), RangeError);
  assert.deepEqual([mailbox.next, mailbox.missed], [1, 1]);
});
