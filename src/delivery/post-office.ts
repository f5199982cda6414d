import type { Appended, EventLog } from '../log/event-log.ts';
import { LogError } from '../log/log-error.ts';
import type { Clock } from '../ports/ports.ts';
import { BatchWalk, type WalkEvents } from './batch-walk.ts';
import { Collected } from './collected.ts';
import { LetterAppends } from './letter-appends.ts';
import type { MailStream } from './mailboxes/letter.ts';
import type { MailTime } from './mailboxes/mail-clock.ts';
import type { Mailbox } from './mailboxes/mailbox.ts';
import { NameCache } from './name-cache.ts';
import type { Post, Poster } from './post.ts';

export interface PostOfficeEvents<P extends Poster> extends WalkEvents<P> {
  /**
   * The log did not take it: `isPermanent` when it never will, whatever becomes of the disk. Otherwise what its sender posted
   * behind it, if that resumes, is refused with it.
   */
  refuse(post: Post<P>, error: unknown, isPermanent: boolean): void;
  /** A batch, or a slice of it, is through: flush every session that has something queued. */
  endOfSlice(): void;
  /** Letters of a batch that is durable, and their recipients in sum. */
  posted(letters: number, recipients: number): void;
}

/** Load makes batches larger, up to this: a larger one would only keep the posts behind it waiting. */
const BATCH_BYTES = 512 * 1024;

/** How much may wait for the disk before senders are not read any more, in bytes. */
export interface PostOfficeLimits {
  /** Of all devices. */
  readonly collected: number;
  /** Of one device. */
  readonly collectedPerDevice: number;
}

/** At most, of the refusals that a letter carries. */
const REFUSALS_BYTES = 16 * 1024;

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
  readonly #mailClock: MailTime;
  readonly #ttlSeconds: number;
  readonly #events: PostOfficeEvents<P>;
  readonly #walkEvents: WalkEvents<P>;
  readonly #limits: PostOfficeLimits;
  readonly #collected: Collected<P>;
  readonly #names = new NameCache();
  /** Posts of a batch that the log refused for good: each becomes a batch of its own. */
  #alone: Post<P>[] = [];
  #flushing = false;
  #scheduled = false;
  #idle: (() => void)[] = [];

  constructor(
    log: EventLog,
    clock: Clock,
    mailClock: MailTime,
    ttlSeconds: number,
    limits: PostOfficeLimits,
    events: PostOfficeEvents<P>,
  ) {
    this.#log = log;
    this.#clock = clock;
    this.#mailClock = mailClock;
    this.#ttlSeconds = ttlSeconds;
    this.#limits = limits;
    this.#events = events;
    this.#walkEvents = {
      acknowledge: (post, stored) => {
        events.acknowledge(post, stored);
        settle(post, undefined);
      },
      carried: (carried) => events.carried(carried),
      unread: (mail) => events.unread(mail),
      touched: (mailbox) => events.touched(mailbox),
    };
    this.#collected = new Collected(Math.min(BATCH_BYTES, log.appendLimit));
  }

  /** Whether the log can ever take this post, however empty the disk is. */
  fits(post: Parameters<Collected<P>['cost']>[0]): boolean {
    return this.#collected.cost(post) + REFUSALS_BYTES <= this.#log.appendLimit;
  }

  /** The post must fit. */
  post(post: Post<P>): void {
    post.poster.mailbox.lane.begin();
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
    if (this.#flushing || this.#isWaiting) await new Promise<void>((resolve) => this.#idle.push(resolve));
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
    // A date for the log, and for us the time at which the letter's life is over.
    const expiresAt = Math.ceil(this.#clock.now() / 1000) + this.#ttlSeconds;
    const deadline = this.#mailClock.now() + this.#ttlSeconds * 1000;
    const letters = new LetterAppends(this.#names);
    const begin = (appended: readonly Appended[]): void =>
      this.#walk(new BatchWalk(posts, letters.stored(appended), deadline, this.#walkEvents));
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
      for (const member of post.members) member.takeBack();
    }
    if (!isPermanent(error)) {
      this.#refuse(posts, error);
    } else if (posts.length > 1) {
      // Something in it can never be stored, and the others have no part in that: each goes by itself.
      this.#alone.push(...posts);
    } else {
      for (const post of posts) {
        this.#events.refuse(post, error, true);
        settle(post, error);
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
    const refused = [...posts, ...this.#takeBehind(posts)];
    for (const { poster } of refused) {
      if (poster.resumes) poster.mailbox.lane.takeBack();
    }
    for (const post of refused) {
      this.#events.refuse(post, error, false);
      settle(post, error);
    }
  }

  /**
   * What was posted behind refused posts and cannot do without them. Nothing that a resuming device has sent may overtake
   * what it has sent before. And where a fact was refused, who gets the letters of its channel was decided as if it were
   * true.
   */
  #takeBehind(refused: readonly Post<P>[]): readonly Post<P>[] {
    const mailboxes = new Set<Mailbox>();
    const channels = new Set<MailStream>();
    const note = ({ poster, mail, fact }: Post<P>): void => {
      if (poster.resumes) mailboxes.add(poster.mailbox);
      if (mail !== undefined && fact !== undefined) channels.add(mail);
    };
    refused.forEach(note);
    // What is taken out takes with it what lies behind it in its turn.
    const isBehind = (post: Post<P>): boolean => {
      const { poster, mail } = post;
      const depends =
        (poster.resumes && mailboxes.has(poster.mailbox)) || (mail !== undefined && channels.has(mail));
      if (depends) note(post);
      return depends;
    };
    const behind: Post<P>[] = [];
    const alone = this.#alone;
    this.#alone = [];
    for (const post of alone) (isBehind(post) ? behind : this.#alone).push(post);
    behind.push(...this.#collected.take(isBehind));
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
    for (const resolve of idle) resolve();
  }
}

function settle<P extends Poster>(post: Post<P>, error: unknown): void {
  post.settled?.(error);
  post.poster.mailbox.lane.end();
}

/** The caller's fault, not the disk's: the same append fails again. */
function isPermanent(error: unknown): boolean {
  return error instanceof LogError && error.code === 'LOG_INVALID';
}
