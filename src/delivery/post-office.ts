import type { Appended, EventLog, NewEvent, StreamAppend } from '../log/event-log.ts';
import { encodeMailPosted, MAIL_POSTED, type MailRecipient } from '../log/mail-encoding.ts';
import type { Clock } from '../protocol/ports.ts';
import { BatchWalk, type WalkEvents } from './batch-walk.ts';
import type { Post, Poster } from './post.ts';

export interface PostOfficeEvents<P extends Poster> extends WalkEvents<P> {
  /** The log did not take it. */
  refuse(post: Post<P>, error: unknown): void;
  /** A batch, or a slice of it, is through: flush every session that has something queued. */
  endOfSlice(): void;
  /** Letters of a batch that is durable, and their recipients in sum. */
  posted(letters: number, recipients: number): void;
}

/** What a collected post costs in memory beyond its payload, roughly. */
const POST_OVERHEAD = 256;

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
  #collecting: Post<P>[] = [];
  #collectedBytes = 0;
  #flushing = false;
  #scheduled = false;
  #idle: (() => void)[] = [];

  constructor(log: EventLog, clock: Clock, ttlSeconds: number, events: PostOfficeEvents<P>) {
    this.#log = log;
    this.#clock = clock;
    this.#ttlSeconds = ttlSeconds;
    this.#events = events;
  }

  post(post: Post<P>): void {
    this.#collecting.push(post);
    this.#collectedBytes += post.payload.length + POST_OVERHEAD;
    if (!this.#flushing && !this.#scheduled) {
      this.#scheduled = true;
      this.#clock.soon(this.#flush);
    }
  }

  /** Bytes that wait for the batch in flight. They grow while the disk is slow: who posts should then stop reading. */
  get collectedBytes(): number {
    return this.#collectedBytes;
  }

  /** Resolves when everything posted so far is durable or refused. */
  async drained(): Promise<void> {
    if (this.#flushing || this.#collecting.length > 0) {
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
  }

  readonly #flush = (): void => {
    this.#scheduled = false;
    // A session that ended took its unacknowledged frames with it: its client sends them again.
    const posts = this.#collecting.filter((post) => !post.poster.ended);
    this.#collecting = [];
    this.#collectedBytes = 0;
    if (posts.length === 0) {
      this.#events.endOfSlice();
      this.#next();
      return;
    }
    this.#flushing = true;
    const now = this.#clock.now();
    const expiresAt = Math.ceil(now / 1000) + this.#ttlSeconds;
    const appends = collectAppends(posts, expiresAt);
    const begin = (revisions: readonly number[]): void =>
      this.#walk(new BatchWalk(posts, revisions, expiresAt * 1000, this.#events));
    if (appends.length === 0) {
      begin([]);
      return;
    }
    this.#log.append(appends).then(
      (appended) => begin(revisionsOf(appends, appended)),
      (error: unknown) => this.#refuse(posts, error),
    );
  };

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
    for (const post of posts) {
      const { mailbox } = post.poster;
      mailbox.accepted = mailbox.received;
      for (const member of post.members) {
        member.releaseReserved();
      }
    }
    for (const post of [...posts, ...this.#takeBehind(posts)]) {
      this.#events.refuse(post, error);
    }
    this.#flushing = false;
    this.#events.endOfSlice();
    this.#next();
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
    const behind = this.#collecting.filter(isBehind);
    this.#collecting = this.#collecting.filter((post) => !isBehind(post));
    return behind;
  }

  #next(): void {
    if (this.#collecting.length > 0) {
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

interface MailAppend extends StreamAppend {
  readonly events: NewEvent[];
}

/** One append for each run of letters of one channel: the order of the log is the order of the posts. */
function collectAppends<P extends Poster>(
  posts: readonly Post<P>[],
  expiresAt: number,
): readonly MailAppend[] {
  const appends: MailAppend[] = [];
  let current: MailAppend | undefined;
  for (const post of posts) {
    const { mail } = post;
    if (mail === undefined) {
      continue;
    }
    if (current?.stream !== mail.name) {
      current = { stream: mail.name, expected: 'any', events: [] };
      appends.push(current);
    }
    current.events.push({ type: MAIL_POSTED, data: encode(post, expiresAt) });
  }
  return appends;
}

/** The revision of each letter, in the order of the posts. */
function revisionsOf(appends: readonly MailAppend[], appended: readonly Appended[]): readonly number[] {
  const revisions: number[] = [];
  for (const [index, { events }] of appends.entries()) {
    const last = appended[index]?.revision ?? 0;
    for (let behind = events.length - 1; behind >= 0; behind -= 1) {
      revisions.push(last - behind);
    }
  }
  return revisions;
}

function encode<P extends Poster>(post: Post<P>, expiresAt: number): Uint8Array {
  const { mailbox, resumes } = post.poster;
  const recipients: MailRecipient[] = [];
  for (const member of post.members) {
    if (member !== mailbox) {
      recipients.push({ device: member.device, inboxNumber: member.reserve() });
    }
  }
  return encodeMailPosted({
    sender: mailbox.device,
    senderSequence: post.sequence,
    resumable: resumes,
    frameType: post.type,
    channel: post.channel,
    expiresAt,
    recipients,
    payload: post.payload,
  });
}
