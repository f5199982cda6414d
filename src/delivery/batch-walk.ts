import type { StoredLetters } from './letter-appends.ts';
import type { CarriedFact } from './mailboxes/carried-facts.ts';
import { type Letter, type MailStream, shareOf } from './mailboxes/letter.ts';
import type { Mailbox } from './mailboxes/mailbox.ts';
import type { Post, Poster } from './post.ts';

/** Deliveries after which the event loop gets a turn: some milliseconds of work. */
const SLICE = 4_096;

export interface WalkEvents<P extends Poster> {
  /**
   * The post is durable and all its recipients have been served: acknowledge it. Called in log order.
   *
   * @param stored how many devices get it; undefined for a repetition
   */
  acknowledge(post: Post<P>, stored: number | undefined): void;
  /** A letter is durable that a fact depends on. */
  carried(carried: CarriedFact): void;
  /** A letter without recipients: nobody will ever fetch it. */
  unread(mail: MailStream): void;
  /** The counters of this mailbox have changed and want to be written, some time. */
  touched(mailbox: Mailbox): void;
}

/**
 * Brings a durable batch to its recipients, in slices. Consecutive posts of one channel are a run: each member gets all
 * letters of the run at once, so that they leave in one write even when the channel is so large that its members are
 * served in several slices. Each mailbox sees its letters in log order.
 */
export class BatchWalk<P extends Poster> {
  readonly #posts: readonly Post<P>[];
  readonly #stored: StoredLetters;
  /** Unix milliseconds. */
  readonly #expiresAt: number;
  readonly #events: WalkEvents<P>;
  /** The run in progress: posts from `#start` to below `#end`, one letter each. Empty between runs. */
  readonly #letters: Letter[] = [];
  /** Recipients of each of these letters. */
  readonly #recipients: number[] = [];
  #start = 0;
  #end = 0;
  /** Index of the member who is next. */
  #member = 0;
  /** Index of the letter that is next. */
  #letter = 0;
  #served = 0;

  constructor(posts: readonly Post<P>[], stored: StoredLetters, expiresAt: number, events: WalkEvents<P>) {
    this.#posts = posts;
    this.#stored = stored;
    this.#expiresAt = expiresAt;
    this.#events = events;
  }

  /** Letters so far. */
  get letters(): number {
    return this.#letter;
  }

  /** Their recipients in sum, so far. */
  get served(): number {
    return this.#served;
  }

  /** Goes on for one slice. True when the batch is through. */
  step(): boolean {
    let budget = SLICE;
    for (;;) {
      if (this.#start === this.#end && !this.#beginRun()) return true;
      const { members } = this.#posts[this.#start] as Post<P>;
      for (; this.#member < members.length; this.#member += 1) {
        if (budget <= 0) return false;
        const mailbox = members[this.#member];
        if (mailbox !== undefined) {
          budget -= this.#letters.length;
          this.#serve(mailbox);
        }
      }
      this.#endRun();
    }
  }

  /** Takes the next posts that have the same recipients. False when none is left. */
  #beginRun(): boolean {
    const posts = this.#posts;
    const first = posts[this.#start];
    if (first === undefined) return false;
    let post: Post<P> | undefined = first;
    while (post !== undefined && post.mail === first.mail && post.members === first.members) {
      if (post.mail !== undefined) this.#letters.push(this.#letterOf(post, post.mail));
      this.#end += 1;
      post = posts[this.#end];
    }
    return true;
  }

  #letterOf(post: Post<P>, mail: MailStream): Letter {
    const index = this.#letter;
    this.#letter += 1;
    const recipients = recipientsOf(post);
    const letter: Letter = {
      mail,
      revision: this.#stored.revisions[index] ?? 0,
      bytes: shareOf(this.#stored.bytes[index] ?? 0, recipients),
      expiresAt: this.#expiresAt,
      waiting: recipients,
    };
    mail.letters.push(letter);
    this.#recipients.push(recipients);
    this.#served += recipients;
    const { poster, fact } = post;
    if (fact !== undefined) {
      this.#events.carried({ letter, fact });
    } else if (recipients === 0) {
      this.#events.unread(mail);
    }
    if (poster.resumes) {
      poster.mailbox.lane.store(post.sequence);
      this.#events.touched(poster.mailbox);
    }
    return letter;
  }

  #serve(mailbox: Mailbox): void {
    for (let index = 0; index < this.#letters.length; index += 1) {
      const post = this.#posts[this.#start + index];
      const letter = this.#letters[index];
      if (post !== undefined && letter !== undefined && post.poster.mailbox !== mailbox) {
        mailbox.deliver(letter, post.type, post.channel, post.payload);
      }
    }
  }

  #endRun(): void {
    // A run of repetitions has no letters: nobody knows any more how many got the frames.
    for (let index = 0; this.#start < this.#end; index += 1, this.#start += 1) {
      const post = this.#posts[this.#start];
      if (post !== undefined) this.#events.acknowledge(post, this.#recipients[index]);
    }
    this.#letters.length = 0;
    this.#recipients.length = 0;
    this.#member = 0;
  }
}

/** Everybody but the sender, who may have left the channel since. */
function recipientsOf<P extends Poster>({ members, poster }: Post<P>): number {
  return members.includes(poster.mailbox) ? members.length - 1 : members.length;
}
