import type { Appended, EventLog } from '../log/event-log.ts';
import { LogError } from '../log/log-error.ts';
import type { Clock } from '../protocol/ports.ts';
import { BatchWalk, type WalkEvents } from './batch-walk.ts';
import { Collected } from './collected.ts';
import { LetterAppends } from './letter-appends.ts';
import type { Mailbox } from './mailbox.ts';
import type { Post, Poster } from './post.ts';

export interface PostOfficeEvents<P extends Poster> extends WalkEvents<P> {
  /** The log did not take it: `isPermanent` when it never will, whatever becomes of the disk. */
  refuse(post: Post<P>, error: unknown, isPermanent: boolean): void;
  /** A batch, or a slice of it, is through: flush every session that has something queued. */
  endOfSlice(): void;
  /** Letters of a batch that is durable, and their recipients in sum. */
  posted(letters: number, recipients: number): void;
}

/** Load makes batches larger, up to this: a larger one would only keep the posts behind it waiting. */
const BATCH_BYTES = 4 * 1024 * 1024;

/** How much may wait for the disk before senders are not read any more, in bytes. */
export interface PostOfficeLimits {
  /** Of all devices. */
  readonly collected: number;
  /** Of one device. */
  readonly collectedPerDevice: number;
}

/** Part of its own limit below which a device is read even while all together are above theirs: it is not the cause. */
const LIGHT = 64;

/**
 * Collects durable frames of one turn of the event loop, appends them to the log in one batch and, when that is on
 * disk, walks the batch: first recipients' outboxes, then the acknowledgement. One batch is in flight; what arrives
 * meanwhile is the next one.
 */
export class PostOffice<P extends Poster> {
  readonly #log: EventLog;
  readonly #clock: Clock;
  readonly #ttlSeconds: number;
  readonly #events: PostOfficeEvents<P>;
  readonly #limits: PostOfficeLimits;
  readonly #collected: Collected<P>;
  /** Posts of a batch that the log refused for good: each becomes a batch of its own. */
  #alone: Post<P>[] = [];
  #flushing = false;
  #scheduled = false;
  #idle: (() => void)[] = [];

  constructor(
    log: EventLog,
    clock: Clock,
    ttlSeconds: number,
    limits: PostOfficeLimits,
    events: PostOfficeEvents<P>,
  ) {
    this.#log = log;
    this.#clock = clock;
    this.#ttlSeconds = ttlSeconds;
    this.#limits = limits;
    this.#events = events;
    this.#collected = new Collected(Math.min(BATCH_BYTES, log.appendLimit));
  }

  /** Whether the log can ever take this post, however empty the disk is. */
  fits(post: Parameters<Collected<P>['cost']>[0]): boolean {
    return this.#collected.cost(post) <= this.#log.appendLimit;
  }

  /** The post must fit. */
  post(post: Post<P>): void {
    this.#collected.add(post);
    if (!this.#flushing && !this.#scheduled) {
      this.#scheduled = true;
      this.#clock.soon(this.#flush);
    }
  }

  /**
   * Whether so much waits for the batch in flight that nothing more of this device should be read: its own, or that of all
   * and not a little its own.
   */
  isCongested({ collectedBytes }: Mailbox): boolean {
    const { collected, collectedPerDevice } = this.#limits;
    return (
      collectedBytes > collectedPerDevice ||
      (this.#collected.bytes > collected && collectedBytes > collectedPerDevice / LIGHT)
    );
  }

  get #isWaiting(): boolean {
    return this.#alone.length > 0 || !this.#collected.isEmpty;
  }

  /** Resolves when everything posted so far is durable or refused. */
  async drained(): Promise<void> {
    if (this.#flushing || this.#isWaiting) {
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
  }

  readonly #flush = (): void => {
    this.#scheduled = false;
    const posts = this.#nextBatch();
    if (posts.length === 0) {
      this.#events.endOfSlice();
      this.#next();
      return;
    }
    this.#flushing = true;
    const expiresAt = Math.ceil(this.#clock.now() / 1000) + this.#ttlSeconds;
    const letters = new LetterAppends();
    const begin = (appended: readonly Appended[]): void =>
      this.#walk(new BatchWalk(posts, letters.stored(appended), expiresAt * 1000, this.#events));
    try {
      letters.addAll(posts, expiresAt);
    } catch (error) {
      this.#failed(posts, error);
      return;
    }
    if (letters.appends.length === 0) {
      begin([]);
      return;
    }
    this.#log.append(letters.appends).then(begin, (error: unknown) => this.#failed(posts, error));
  };

  #nextBatch(): Post<P>[] {
    const alone = this.#alone.shift();
    return alone === undefined ? this.#collected.takeBatch() : [alone];
  }

  #failed(posts: readonly Post<P>[], error: unknown): void {
    for (const post of posts) {
      for (const member of post.members) {
        member.releaseReserved();
      }
    }
    if (!isPermanent(error)) {
      this.#refuse(posts, error);
    } else if (posts.length > 1) {
      // Something in it can never be stored, and the others have no part in that: each goes by itself.
      this.#alone.push(...posts);
    } else {
      for (const post of posts) {
        this.#events.refuse(post, error, true);
      }
    }
    this.#flushing = false;
    this.#events.endOfSlice();
    this.#next();
  }

  #walk(walk: BatchWalk<P>): void {
    const isThrough = walk.step();
    if (!isThrough) {
      this.#events.endOfSlice();
      this.#clock.soon(() => this.#walk(walk));
      return;
    }
    this.#flushing = false;
    this.#events.posted(walk.letters, walk.served);
    this.#events.endOfSlice();
    this.#next();
  }

  #refuse(posts: readonly Post<P>[], error: unknown): void {
    for (const { poster } of posts) {
      poster.mailbox.accepted = poster.mailbox.received;
    }
    for (const post of [...posts, ...this.#takeBehind(posts)]) {
      this.#events.refuse(post, error, false);
    }
  }

  /**
   * What resuming devices have sent behind refused frames, perhaps on a newer connection: a repetition of a refused frame
   * is in the log no more than the frame itself, and a later frame must not overtake it.
   */
  #takeBehind(refused: readonly Post<P>[]): readonly Post<P>[] {
    const mailboxes = new Set(
      refused.filter(({ poster }) => poster.resumes).map(({ poster }) => poster.mailbox),
    );
    const isBehind = ({ poster }: Post<P>): boolean => poster.resumes && mailboxes.has(poster.mailbox);
    const behind = [...this.#alone.filter(isBehind), ...this.#collected.take(isBehind)];
    this.#alone = this.#alone.filter((post) => !isBehind(post));
    return behind;
  }

  #next(): void {
    if (this.#isWaiting) {
      if (!this.#scheduled) {
        this.#scheduled = true;
        this.#clock.soon(this.#flush);
      }
      return;
    }
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) {
      resolve();
    }
  }
}

/** The caller's fault, not the disk's: the same append fails again. */
function isPermanent(error: unknown): boolean {
  return error instanceof LogError && error.code === 'LOG_INVALID';
}
