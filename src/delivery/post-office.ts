import type { Appended, EventLog } from '../log/event-log.ts';
import { LogError } from '../log/log-error.ts';
import type { Clock } from '../ports/ports.ts';
import { BatchWalk, type WalkParts } from './batch-walk.ts';
import { Collected } from './collected.ts';
import { LetterAppends } from './letter-appends.ts';
import type { MailStream } from './mailboxes/letter.ts';
import type { MailTime } from './mailboxes/mail-clock.ts';
import type { Mailbox } from './mailboxes/mailbox.ts';
import { NameCache } from './name-cache.ts';
import type { Post } from './post.ts';

export interface PostOfficeEvents {
  /** Letters of a batch that is durable, and their recipients in sum. */
  posted(letters: number, recipients: number): void;
  /** The log did not take a post. */
  failed(what: string, error: unknown): void;
}

/** Somebody who wants to know when the disk has taken something. */
export interface SliceListener {
  endOfSlice(): void;
}

export interface PostOfficeParts extends WalkParts {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly mailClock: MailTime;
  /** What is queued for sessions leaves at the end of each slice. */
  readonly writes: { flush(): void };
  readonly events: PostOfficeEvents;
  readonly limits: PostOfficeLimits;
  /** Seconds that an undelivered letter is kept. */
  readonly ttlSeconds: number;
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
export class PostOffice {
  readonly #parts: PostOfficeParts;
  readonly #collected: Collected;
  readonly #names = new NameCache();
  /** Posts of a batch that the log refused for good: each becomes a batch of its own. */
  #alone: Post[] = [];
  #flushing = false;
  #scheduled = false;
  #idle: (() => void)[] = [];
  #listeners = new Set<SliceListener>();

  constructor(parts: PostOfficeParts) {
    this.#parts = parts;
    this.#collected = new Collected(Math.min(BATCH_BYTES, parts.log.appendLimit));
  }

  /** Whether the log can ever take this post, however empty the disk is. */
  fits(post: Post): boolean {
    return this.#collected.cost(post) + REFUSALS_BYTES <= this.#parts.log.appendLimit;
  }

  /** Takes a post, which must fit. What its sender was refused before and behind its last letter travels with it. */
  post(post: Post): void {
    const { poster, sequence } = post;
    const { lane } = poster.mailbox;
    lane.enter();
    if (poster.resumes) post.refused = lane.accept(sequence);
    this.#collected.add(post);
    if (!this.#flushing && !this.#scheduled) {
      this.#scheduled = true;
      this.#parts.clock.soon(this.#flush);
    }
  }

  /** Resolves when everything that the device has posted so far is stored or refused; undefined when it is. */
  barrier(mailbox: Mailbox): Promise<void> | undefined {
    return mailbox.lane.barrier();
  }

  /** Tells the listener of the next end of a slice, once. */
  awaitSlice(listener: SliceListener): void {
    this.#listeners.add(listener);
  }

  /**
   * Whether so much waits for the batch in flight that nothing more of this device should be read: its own, or that of all
   * and not a little its own.
   */
  isCongested({ collectedBytes }: Mailbox): boolean {
    const { collected, collectedPerDevice } = this.#parts.limits;
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
      this.#endSlice();
      this.#next();
      return;
    }
    this.#flushing = true;
    // A date for the log, and for us the time at which the letter's life is over.
    const { clock, log, mailClock, ttlSeconds } = this.#parts;
    const expiresAt = Math.ceil(clock.now() / 1000) + ttlSeconds;
    const deadline = mailClock.now() + ttlSeconds * 1000;
    const letters = new LetterAppends(this.#names);
    const begin = (appended: readonly Appended[]): void =>
      this.#walk(new BatchWalk(posts, letters.stored(appended), deadline, this.#parts));
    try {
      letters.addAll(posts, expiresAt);
    } catch (error) {
      this.#failed(posts, error);
      return;
    }
    log.append(letters.appends).then(begin, (error: unknown) => this.#failed(posts, error));
  };

  #nextBatch(): Post[] {
    const alone = this.#alone.shift();
    return alone === undefined ? this.#collected.takeBatch() : [alone];
  }

  #failed(posts: readonly Post[], error: unknown): void {
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
        this.#tellRefused(post, error, true);
        // The letters behind it may be on their way already: the refusal travels with the counters.
        this.#parts.cursors.touched(post.poster.mailbox);
      }
    }
    this.#flushing = false;
    this.#endSlice();
    this.#next();
  }

  #walk(walk: BatchWalk): void {
    const isThrough = walk.step();
    if (!isThrough) {
      this.#endSlice();
      this.#parts.clock.soon(() => this.#walk(walk));
      return;
    }
    this.#flushing = false;
    this.#parts.events.posted(walk.letters, walk.served);
    this.#endSlice();
    this.#next();
  }

  #refuse(posts: readonly Post[], error: unknown): void {
    const refused = [...posts, ...this.#takeBehind(posts)];
    for (const { poster } of refused) {
      if (poster.resumes) poster.mailbox.lane.takeBack();
    }
    for (const post of refused) this.#tellRefused(post, error, false);
  }

  #tellRefused(post: Post, error: unknown, forGood: boolean): void {
    this.#parts.events.failed('post', error);
    post.poster.refused(post, forGood);
    post.poster.mailbox.lane.leave();
  }

  /** What is queued leaves, and who had to wait for the disk looks again. */
  #endSlice(): void {
    this.#parts.writes.flush();
    const listeners = this.#listeners;
    if (listeners.size === 0) return;
    this.#listeners = new Set();
    for (const listener of listeners) listener.endOfSlice();
  }

  /**
   * What was posted behind refused posts and cannot do without them. Nothing that a resuming device has sent may overtake
   * what it has sent before. And where a fact was refused, who gets the letters of its channel was decided as if it were
   * true.
   */
  #takeBehind(refused: readonly Post[]): readonly Post[] {
    const mailboxes = new Set<Mailbox>();
    const channels = new Set<MailStream>();
    const note = ({ poster, mail, fact }: Post): void => {
      if (poster.resumes) mailboxes.add(poster.mailbox);
      if (fact !== undefined) channels.add(mail);
    };
    refused.forEach(note);
    // What is taken out takes with it what lies behind it in its turn.
    const isBehind = (post: Post): boolean => {
      const { poster, mail } = post;
      const depends = (poster.resumes && mailboxes.has(poster.mailbox)) || channels.has(mail);
      if (depends) note(post);
      return depends;
    };
    const behind: Post[] = [];
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
        this.#parts.clock.soon(this.#flush);
      }
      return;
    }
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }
}

/** The caller's fault, not the disk's: the same append fails again. */
function isPermanent(error: unknown): boolean {
  return error instanceof LogError && error.code === 'LOG_INVALID';
}
