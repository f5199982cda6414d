import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Mailbox } from '../../delivery/mailboxes/mailbox.ts';
import type { SliceListener } from '../../delivery/post-office.ts';
import type { Frame } from '../../protocol/frames/frame.ts';
import { Intake, type IntakeParts } from './intake.ts';
import { Session, type SessionKeeper } from './session.ts';

const NO_USER = { id: '', handle: '', displayName: null, avatarUrl: null };
const MAX_PER_TURN = 512;

interface Handled {
  readonly device: string;
  readonly sequence: number;
}

/** An intake whose turns of the event loop are counted and made by hand; no time passes unless it is told. */
class Turns {
  readonly handled: Handled[] = [];
  /** Sessions that are not read. */
  readonly held = new Set<number>();
  readonly flooded: Session[] = [];
  readonly intake: Intake;
  now = 0;
  /** Milliseconds that a frame takes. */
  cost = 0;
  isCongested = false;
  /** Who waits for the disk. */
  readonly listeners = new Set<SliceListener>();
  /** What becomes of a frame that is handled. */
  pending: (frame: Frame) => Promise<void> | undefined = () => undefined;
  #soon: (() => void)[] = [];
  #sessions = 0;
  readonly #keeper: SessionKeeper = {
    replies: { posted: () => assert.fail(), refuse: () => assert.fail() },
    dirtied: () => undefined,
    end: (session, code) => {
      assert.equal(code, 'flooding');
      this.flooded.push(session);
    },
  };

  constructor(waitingBytes = 1_000_000) {
    const parts: IntakeParts = {
      waitingBytes,
      clock: { monotonic: () => this.now, soon: (callback) => void this.#soon.push(callback) },
      links: { hold: (session, held) => void (held ? this.held.add(session) : this.held.delete(session)) },
      office: {
        isCongested: () => this.isCongested,
        awaitSlice: (listener) => void this.listeners.add(listener),
      },
      frames: {
        handle: ({ device }, frame) => {
          this.handled.push({ device, sequence: frame.sequence });
          this.now += this.cost;
          return this.pending(frame);
        },
      },
    };
    this.intake = new Intake(parts);
  }

  session(device: string): Session {
    this.#sessions += 1;
    const generation = 'records';
    const facts = {
      number: this.#sessions,
      id: device,
      user: NO_USER,
      generation,
      capabilities: [],
    } as const;
    return new Session(facts, new Mailbox(device), this.#keeper);
  }

  /** Frames come, numbered upwards from `first`. */
  burst(session: Session, count: number, first = 1): void {
    const payload = new Uint8Array(0);
    for (let sequence = first; sequence < first + count; sequence += 1) {
      this.intake.take(session, { type: 1, channel: 1, sequence, payload });
    }
  }

  /** A turn of the event loop, with all its microtasks. Returns how many frames were handled in it. */
  async turn(): Promise<number> {
    const before = this.handled.length;
    for (const callback of this.#soon.splice(0)) callback();
    await new Promise<void>((resolve) => setImmediate(resolve));
    return this.handled.length - before;
  }

  /** The disk has taken something. */
  endSlice(): void {
    const listeners = [...this.listeners];
    this.listeners.clear();
    for (const listener of listeners) listener.endOfSlice();
  }

  sequencesOf(device: string): number[] {
    return this.handled.filter((frame) => frame.device === device).map(({ sequence }) => sequence);
  }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

describe('given a session that sends ten thousand frames at once', () => {
  for (const kind of ['at once', 'behind a promise'] as const) {
    test(`when they are handled ${kind}, then each turn has a part of them, in order, and who says one word is heard at once`, async () => {
      const turns = new Turns();
      if (kind === 'behind a promise') turns.pending = () => Promise.resolve();
      const [loud, quiet] = [turns.session('loud'), turns.session('quiet')];
      turns.burst(loud, 10_000);
      let most = turns.handled.length;
      let words = 0;
      while (turns.sequencesOf('loud').length < 10_000) {
        words += 1;
        turns.burst(quiet, 1, words);
        assert.deepEqual(turns.handled.at(-1), { device: 'quiet', sequence: words });
        most = Math.max(most, await turns.turn());
      }
      assert.ok(most <= MAX_PER_TURN, `${most} frames in one turn`);
      assert.deepEqual(turns.sequencesOf('loud'), upTo(10_000));
    });
  }

  test('when twenty sessions do the same, then each turn goes on with those who have waited longest', async () => {
    const turns = new Turns();
    const sessions = upTo(20).map((number) => turns.session(`loud-${number}`));
    for (const session of sessions) turns.burst(session, 10_000);
    const inTurns = turns.handled.length;
    for (let round = 0; round < 40; round += 1) assert.ok((await turns.turn()) <= MAX_PER_TURN);
    const counts = sessions.map(({ device }) => turns.sequencesOf(device).length - inTurns / 20);
    assert.ok(Math.max(...counts) - Math.min(...counts) <= 256, counts.join(' '));
  });

  test('when each takes long, then a turn ends with its time', async () => {
    const turns = new Turns();
    turns.cost = 1;
    turns.burst(turns.session('slow'), 1_000);
    assert.ok(turns.handled.length <= 8);
    for (let round = 0; round < 10; round += 1) assert.ok((await turns.turn()) <= 8);
  });

  test('when they wait, then it is not read, and is read again when all are handled', async () => {
    const turns = new Turns();
    const loud = turns.session('loud');
    turns.burst(loud, 1_000);
    assert.deepEqual([...turns.held], [loud.number]);
    while (turns.handled.length < 1_000) {
      assert.equal(turns.held.size, 1);
      await turns.turn();
    }
    assert.equal(turns.held.size, 0);
    assert.equal(loud.waitingBytes, 0);
  });

  test('when its peer has gone meanwhile, then the rest is handled before the session is over', async () => {
    const turns = new Turns();
    const loud = turns.session('loud');
    turns.burst(loud, 1_000);
    let atTheEnd: number | undefined;
    turns.intake.leave(loud, () => {
      atTheEnd = turns.handled.length;
      loud.open = false;
      turns.intake.forget(loud);
    });
    assert.ok(turns.intake.isLeaving);
    while (turns.intake.isLeaving) await turns.turn();
    assert.equal(atTheEnd, 1_000);
    await loud.mailbox.lane.quiet();
  });

  test('when the session has ended, then what waits is dropped, and nothing of the device is in work', async () => {
    const turns = new Turns();
    const loud = turns.session('loud');
    turns.burst(loud, 1_000);
    loud.open = false;
    turns.intake.forget(loud);
    assert.equal(await turns.turn(), 0);
    await loud.mailbox.lane.quiet();
  });
});

describe('given a session whose frame is not done', () => {
  test('when more come, then they wait for it, and more than may wait are a flood', async () => {
    const turns = new Turns(960);
    const session = turns.session('patient');
    let done = (): void => undefined;
    turns.pending = ({ sequence }) =>
      sequence === 1 ? new Promise<void>((resolve) => (done = resolve)) : undefined;
    turns.burst(session, 11);
    await turns.turn();
    assert.deepEqual(turns.sequencesOf('patient'), [1]);
    assert.deepEqual(turns.flooded, []);
    turns.burst(session, 1, 12);
    assert.deepEqual(turns.flooded, [session]);
    done();
    await turns.turn();
    assert.deepEqual(turns.sequencesOf('patient'), upTo(12));
  });

  test('when its peer goes, then it is over at once', () => {
    const turns = new Turns();
    const session = turns.session('gone');
    turns.pending = () => new Promise<void>(() => undefined);
    turns.burst(session, 3);
    let isOver = false;
    turns.intake.leave(session, () => {
      isOver = true;
    });
    assert.ok(isOver);
  });
});

test('given that too much waits for the disk, when frames come all the same, then they wait until it has taken a batch', async () => {
  const turns = new Turns();
  const session = turns.session('writer');
  turns.isCongested = true;
  turns.burst(session, 5);
  await turns.turn();
  turns.endSlice();
  await turns.turn();
  assert.deepEqual(turns.sequencesOf('writer'), [1]);
  turns.isCongested = false;
  turns.endSlice();
  await turns.turn();
  assert.deepEqual(turns.sequencesOf('writer'), upTo(5));
  assert.equal(turns.held.size, 0);
});
