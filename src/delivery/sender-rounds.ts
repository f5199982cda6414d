import { Deque } from './mailboxes/deque.ts';
import type { MailStream } from './mailboxes/letter.ts';
import type { Mailbox } from './mailboxes/mailbox.ts';
import type { Post } from './post.ts';

/**
 * What a sender may add to a batch each time that it is its turn, in bytes as they are counted. Of whom no more than that
 * waits comes before the others.
 */
const QUANTUM = 64 * 1024;

/** Posts of one channel with no fact between them, or one fact. */
interface Stretch {
  /** Posts of it that are still here. */
  waiting: number;
  readonly isFact: boolean;
  /** What must have been taken before; undefined when nothing is left of it. */
  before: Stretch | undefined;
}

interface Entry {
  readonly post: Post;
  readonly cost: number;
  /** Its place among all posts that have ever waited. */
  readonly order: number;
  readonly stretch: Stretch;
}

/** What one device has posted, the oldest first. */
class Sender {
  readonly mailbox: Mailbox;
  readonly entries = new Deque<Entry>();
  bytes = 0;
  /** Bytes that it may still add: what it could not use for a large post is saved up. */
  credit = 0;

  constructor(mailbox: Mailbox) {
    this.mailbox = mailbox;
  }
}

/**
 * More posts than one batch holds, by sender. Batches are filled in rounds, a quantum of bytes for each sender in turn
 * (deficit round robin), and of whom little waits comes first: what one device has posted in masses does not keep the others
 * waiting, however many do the same. The posts of one device stay in order. A fact overtakes nothing that was posted in its
 * channel before, and is overtaken by nothing that was posted there behind it: who gets these letters depends on it.
 */
export class SenderRounds {
  readonly #senders = new Map<Mailbox, Sender>();
  /** Senders of whom little waits and who have had no turn yet, and all others, each in the order of their turns. */
  readonly #light = new Set<Sender>();
  readonly #round = new Set<Sender>();
  /** Its next post did not fit into a batch any more: it begins the next one. */
  #leftOver: Sender | undefined;
  /** The last stretch of each channel of which something waits. */
  readonly #channels = new Map<MailStream, Stretch>();
  #orders = 0;

  get isEmpty(): boolean {
    return this.#senders.size === 0;
  }

  add(post: Post, cost: number): void {
    const { mailbox } = post.poster;
    let sender = this.#senders.get(mailbox);
    if (sender === undefined) {
      sender = new Sender(mailbox);
      this.#senders.set(mailbox, sender);
      this.#light.add(sender);
    }
    this.#orders += 1;
    sender.entries.push({ post, cost, order: this.#orders, stretch: this.#stretchOf(post) });
    sender.bytes += cost;
    if (sender.bytes > QUANTUM && this.#light.delete(sender)) this.#round.add(sender);
  }

  /** Calls `take` for the posts of the next batch. It holds `room` bytes; a post that is larger is a batch of its own. */
  fill(room: number, take: (post: Post, cost: number) => void): void {
    let left = room;
    /** Senders in a row whose next post waits for one of somebody else. */
    let blocked = 0;
    // However many begin to post: who has waited longest goes on with each batch.
    let longest = firstOf(this.#round);
    let sender = this.#leftOver ?? longest ?? firstOf(this.#light);
    this.#leftOver = undefined;
    while (sender !== undefined && blocked < this.#senders.size) {
      sender.credit += QUANTUM;
      let entry = sender.entries.at(0);
      while (entry !== undefined && entry.cost <= sender.credit && isOpen(entry)) {
        if (entry.cost > left && left < room) {
          this.#leftOver = sender;
          return;
        }
        take(entry.post, entry.cost);
        left -= entry.cost;
        this.#taken(sender, entry);
        blocked = 0;
        entry = sender.entries.at(0);
      }
      if (entry !== undefined && !isOpen(entry)) {
        blocked += 1;
        // Who waits for others saves nothing up.
        sender.credit = 0;
      }
      this.#hadTurn(sender);
      if (sender === longest) longest = undefined;
      sender = longest ?? firstOf(this.#light) ?? firstOf(this.#round);
    }
  }

  /** All posts in the order in which they came; none is left. */
  takeAll(): { readonly post: Post; readonly cost: number }[] {
    const entries: Entry[] = [];
    for (const sender of this.#senders.values()) {
      for (let entry = sender.entries.shift(); entry !== undefined; entry = sender.entries.shift()) {
        entries.push(entry);
      }
    }
    for (const kept of [this.#senders, this.#light, this.#round, this.#channels]) kept.clear();
    this.#leftOver = undefined;
    return entries.sort((a, b) => a.order - b.order);
  }

  #taken(sender: Sender, { cost, post, stretch }: Entry): void {
    sender.entries.shift();
    sender.bytes -= cost;
    sender.credit -= cost;
    stretch.waiting -= 1;
    if (stretch.waiting === 0 && this.#channels.get(post.mail) === stretch) this.#channels.delete(post.mail);
  }

  #hadTurn(sender: Sender): void {
    this.#light.delete(sender);
    this.#round.delete(sender);
    if (sender.entries.length > 0) this.#round.add(sender);
    else this.#senders.delete(sender.mailbox);
  }

  #stretchOf({ mail, fact }: Post): Stretch {
    const isFact = fact !== undefined;
    const last = this.#channels.get(mail);
    if (last !== undefined && !isFact && !last.isFact) {
      last.waiting += 1;
      return last;
    }
    const stretch: Stretch = { waiting: 1, isFact, before: last };
    this.#channels.set(mail, stretch);
    return stretch;
  }
}

/** Whether what has to be taken before this post was taken. */
function isOpen({ stretch }: Entry): boolean {
  const { before } = stretch;
  if (before === undefined) return true;
  if (before.waiting > 0) return false;
  stretch.before = undefined;
  return true;
}

function firstOf<T>(set: ReadonlySet<T>): T | undefined {
  for (const one of set) return one;
  return undefined;
}
