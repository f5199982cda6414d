import { Deque } from '../../delivery/mailboxes/deque.ts';
import type { PostOffice, SliceListener } from '../../delivery/post-office.ts';
import type { Clock } from '../../ports/ports.ts';
import type { Frame } from '../../protocol/frames/frame.ts';
import type { LinkPort } from '../../relay-port/relay-port.ts';
import type { Session } from './session.ts';

/** Frames of one session that are handled in one turn of the event loop, at most. */
const SESSION_FRAMES = 256;
/** Milliseconds of one turn that the frames of one session may take. */
const SESSION_MS = 2;
/** The clock is looked at before every so many frames of a session, a power of two. */
const LOOK_EVERY = 4;
/** Frames of all sessions that have to wait, and milliseconds, after which the event loop gets a turn. */
const TURN_FRAMES = 512;
const TURN_MS = 4;
/** What a waiting frame costs in memory beyond its payload, roughly. */
const WAITING_OVERHEAD = 96;

/** Does what a frame says. */
export interface FrameHandling {
  /** The session's next frame has to wait for the promise, if there is one. Neither throws nor rejects. */
  handle(session: Session, frame: Frame): Promise<void> | undefined;
}

export interface IntakeParts {
  readonly links: Pick<LinkPort, 'hold'>;
  readonly clock: Pick<Clock, 'monotonic' | 'soon'>;
  /** Knows whether so much waits for the disk that nothing more of a device should be read. */
  readonly office: Pick<PostOffice, 'isCongested' | 'awaitSlice'>;
  readonly frames: FrameHandling;
  /** Bytes of frames of a session that may wait for an earlier one. */
  readonly waitingBytes: number;
}

/**
 * Decides when a frame is handled. In the turn in which it came, unless an earlier one of its session has to be waited for,
 * or the disk, or its session has had its part of the turn: then it waits, nothing more is read from its session, and the
 * sessions that wait are served in a round, some frames each. So a burst of one session delays what others send by a slice
 * of some milliseconds. The frames of one session keep their order.
 */
export class Intake implements SliceListener {
  readonly #parts: IntakeParts;
  /** Sessions whose frames wait for nothing but their turn, in the order in which they are served. */
  readonly #ready = new Set<Session>();
  /** Sessions that wait for the disk. */
  readonly #congested = new Set<Session>();
  /** What is done when the last frames of sessions that have gone are handled. */
  readonly #leaving = new Map<Session, () => void>();
  #scheduled = false;
  /** Number of the turn of the event loop, the frames of those who waited in it, and when the first of these was handled. */
  #turn = 0;
  #handled = 0;
  #since: number | undefined;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** Whether frames of sessions that have gone still wait for their turn. */
  get isLeaving(): boolean {
    return this.#leaving.size > 0;
  }

  /** A frame has come; the session is open. */
  take(session: Session, frame: Frame): void {
    if (session.busy || session.held || !this.#hasTurn(session)) {
      this.#wait(session, frame);
    } else {
      this.#handle(session, frame);
      if (session.open && this.#isCongested(session)) this.#settle(session);
    }
  }

  /** The disk has taken a batch. */
  endOfSlice(): void {
    for (const session of this.#congested) {
      if (!this.#isCongested(session)) {
        this.#congested.delete(session);
        if (!session.busy) this.#settle(session);
      }
    }
    if (this.#congested.size > 0) this.#parts.office.awaitSlice(this);
  }

  /** The peer has gone: `then` is called once what came from it and waits for nothing but its turn is handled. */
  leave(session: Session, then: () => void): void {
    if (session.busy || session.waiting === undefined) then();
    else this.#leaving.set(session, then);
  }

  /** The session is over: what waits is handled no more. */
  forget(session: Session): void {
    this.#ready.delete(session);
    this.#congested.delete(session);
    this.#leaving.delete(session);
    this.#nothingWaits(session);
  }

  #wait(session: Session, frame: Frame): void {
    if (session.waiting === undefined) {
      session.waiting = new Deque();
      session.mailbox.lane.begin();
    }
    session.waiting.push(frame);
    session.waitingBytes += frame.payload.length + WAITING_OVERHEAD;
    this.#hold(session);
    if (!session.busy) {
      this.#settle(session);
    } else if (session.waitingBytes > this.#parts.waitingBytes) {
      // What was on its way when reading stopped still arrives; more than that is a flood.
      session.end('flooding', 'too many frames wait for an earlier one');
    }
  }

  #handle(session: Session, frame: Frame): void {
    const pending = this.#parts.frames.handle(session, frame);
    if (pending === undefined) return;
    session.busy = true;
    const { lane } = session.mailbox;
    lane.begin();
    void pending.then(() => {
      session.busy = false;
      lane.end();
      if (session.open) this.#serve(session);
    });
  }

  /** Handles what waits, as far as the session has its turn. */
  #serve(session: Session): void {
    while (session.waiting !== undefined && !session.busy && !this.#isOver() && this.#hasTurn(session)) {
      if (this.#isCongested(session)) break;
      const frame = session.waiting.shift();
      if (frame === undefined) break;
      session.waitingBytes -= frame.payload.length + WAITING_OVERHEAD;
      if (session.waiting.length === 0) this.#nothingWaits(session);
      this.#handled += 1;
      this.#handle(session, frame);
    }
    if (session.open) this.#settle(session);
  }

  /** Says for what a session waits now. */
  #settle(session: Session): void {
    const left = this.#leaving.get(session);
    if (left !== undefined && (session.busy || session.waiting === undefined)) {
      left();
    } else if (session.busy) {
      return;
    } else if (this.#isCongested(session)) {
      this.#congested.add(session);
      this.#parts.office.awaitSlice(this);
      this.#hold(session);
    } else if (session.waiting !== undefined) {
      this.#ready.add(session);
      this.#schedule();
    } else if (session.held) {
      session.held = false;
      this.#parts.links.hold(session.number, false);
    }
  }

  #isCongested({ mailbox }: Session): boolean {
    return this.#parts.office.isCongested(mailbox);
  }

  #hold(session: Session): void {
    if (!session.held) {
      session.held = true;
      this.#parts.links.hold(session.number, true);
    }
  }

  #nothingWaits(session: Session): void {
    if (session.waiting === undefined) return;
    session.waiting = undefined;
    session.waitingBytes = 0;
    session.mailbox.lane.end();
  }

  /** Whether one more frame of the session may be handled in this turn: it is counted. */
  #hasTurn(session: Session): boolean {
    if (session.turn !== this.#turn) {
      session.turn = this.#turn;
      session.handled = 0;
      this.#schedule();
    }
    session.handled += 1;
    if (session.handled % LOOK_EVERY !== 0) return session.handled <= SESSION_FRAMES;
    const now = this.#parts.clock.monotonic();
    if (session.handled === LOOK_EVERY) session.since = now;
    return session.handled <= SESSION_FRAMES && now - session.since < SESSION_MS;
  }

  /** Whether those who wait have had enough of this turn. */
  #isOver(): boolean {
    if (this.#handled % LOOK_EVERY !== 0) return false;
    const now = this.#parts.clock.monotonic();
    this.#since ??= now;
    return this.#handled >= TURN_FRAMES || now - this.#since >= TURN_MS;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#parts.clock.soon(this.#nextTurn);
  }

  readonly #nextTurn = (): void => {
    this.#scheduled = false;
    this.#turn += 1;
    this.#handled = 0;
    this.#since = undefined;
    // Those who have had their turn and have more stand at the end of the row.
    let left = this.#ready.size;
    for (const session of this.#ready) {
      if (left === 0 || this.#isOver()) break;
      left -= 1;
      this.#ready.delete(session);
      this.#serve(session);
    }
    if (this.#ready.size > 0) this.#schedule();
  };
}
