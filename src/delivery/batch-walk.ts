import { must } from '../ports/must.ts';
import type { StoredLetters } from './letter-appends.ts';
import type { CarriedFacts } from './mailboxes/carried-facts.ts';
import type { CursorKeeper } from './mailboxes/cursor-keeper.ts';
import { type Letter, shareOf } from './mailboxes/letter.ts';
import type { Mailbox } from './mailboxes/mailbox.ts';
import type { Post } from './post.ts';

/** Deliveries after which the event loop gets a turn: some milliseconds of work. */
const SLICE = 4_096;

export interface WalkParts {
  readonly facts: Pick<CarriedFacts, 'carry'>;
  readonly cursors: Pick<CursorKeeper, 'touched' | 'unread'>;
}

/**
 * Brings a durable batch to its recipients, in slices. Consecutive posts of one channel are a run: each member gets all
 * letters of the run at once, so that they leave in one write even when the channel is so large that its members are
 * served in several slices. Each mailbox sees its letters in log order.
 */
export class BatchWalk {
  readonly #posts: readonly Post[];
  readonly #stored: StoredLetters;
  /** Unix milliseconds. */
  readonly #expiresAt: number;
  readonly #parts: WalkParts;
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

  constructor(posts: readonly Post[], stored: StoredLetters, expiresAt: number, parts: WalkParts) {
    this.#posts = posts;
    this.#stored = stored;
    this.#expiresAt = expiresAt;
    this.#parts = parts;
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
      const { members } = this.#posts[this.#start] as Post;
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
    let post: Post | undefined = first;
    while (post !== undefined && post.mail === first.mail && post.members === first.members) {
      this.#letters.push(this.#letterOf(post));
      this.#end += 1;
      post = posts[this.#end];
    }
    return true;
  }

  #letterOf(post: Post): Letter {
    const { poster, fact, mail } = post;
    const index = this.#letter;
    this.#letter += 1;
    const recipients = recipientsOf(post);
    const letter: Letter = {
      mail,
      revision: must(this.#stored.revisions[index], 'the revision of a letter'),
      bytes: shareOf(must(this.#stored.bytes[index], 'the size of a letter'), recipients),
      expiresAt: this.#expiresAt,
      waiting: recipients,
    };
    mail.add(letter);
    this.#recipients.push(recipients);
    this.#served += recipients;
    if (fact !== undefined) {
      this.#parts.facts.carry({ letter, fact });
    } else if (recipients === 0) {
      this.#parts.cursors.unread(mail);
    }
    if (poster.resumes) {
      poster.mailbox.lane.store(post.sequence);
      this.#parts.cursors.touched(poster.mailbox);
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
    for (let index = 0; this.#start < this.#end; index += 1, this.#start += 1) {
      const post = this.#posts[this.#start];
      if (post === undefined) continue;
      post.poster.posted(post, must(this.#recipients[index], 'the number of recipients'));
      post.poster.mailbox.lane.leave();
    }
    this.#letters.length = 0;
    this.#recipients.length = 0;
    this.#member = 0;
  }
}

/** Everybody but the sender, who may have left the channel since. */
function recipientsOf({ members, poster }: Post): number {
  return members.includes(poster.mailbox) ? members.length - 1 : members.length;
}
