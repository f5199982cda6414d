import { MAIL_POSTED, mailExtrasBytes, mailPostedBytes } from '../events/mail-encoding.ts';
import { eventCost } from '../log/append-check.ts';
import type { MailStream } from './mailboxes/letter.ts';
import type { Mailbox } from './mailboxes/mailbox.ts';
import type { Post, Poster } from './post.ts';

/** What a collected post costs in memory beyond its payload, roughly. */
const POST_OVERHEAD = 256;
/** A batch has this many shares at least: one device may have that much while others wait. */
const FEWEST_SHARES = 8;
/** Their names are added up as fast as a sum is looked up. */
const FEW_MEMBERS = 8;

/**
 * Posts that wait for the batch in flight, each counted by what it really costs: a payload of one byte to a thousand
 * devices is a letter of all their names. Batches are cut from them by that cost, fairly: what one device has posted in
 * masses does not keep the others waiting. The posts of one device stay in order.
 */
export class Collected<P extends Poster> {
  readonly #batchBytes: number;
  #posts: Post<P>[] = [];
  /** Of each post. */
  #costs: number[] = [];
  #bytes = 0;
  /** How many devices have posted what waits. */
  #devices = 0;
  /** Bytes of the names of large channels' members: posts of a channel share the array. */
  readonly #names = new WeakMap<readonly Mailbox[], number>();
  /** The post whose cost was asked for last: it is asked whether it fits, then added. */
  #costed: object | undefined;
  #cost = 0;

  /** @param batchBytes what one batch may hold, in bytes as `eventCost` counts them */
  constructor(batchBytes: number) {
    this.#batchBytes = batchBytes;
  }

  get isEmpty(): boolean {
    return this.#posts.length === 0;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What a post takes in the log, at most, and beside it in memory; of a repetition its payload. */
  cost(post: Omit<Post<P>, 'settled' | 'missing' | 'reply'>): number {
    const { mail, members, payload, poster, refused, fact } = post;
    if (mail === undefined) return payload.length + POST_OVERHEAD;
    const isPlain = fact === undefined && refused.length === 0;
    if (isPlain && this.#costed === post) return this.#cost;
    const { length } = poster.mailbox.device;
    const plain = mailPostedBytes(length, members.length, this.#namesOf(members), payload.length);
    const data = isPlain ? plain : plain + mailExtrasBytes(post);
    this.#costed = isPlain ? post : undefined;
    this.#cost = eventCost(mail.name, MAIL_POSTED, data) + POST_OVERHEAD;
    return this.#cost;
  }

  #namesOf(members: readonly Mailbox[]): number {
    if (members.length <= FEW_MEMBERS) return namesBytes(members);
    let bytes = this.#names.get(members);
    if (bytes === undefined) {
      bytes = namesBytes(members);
      this.#names.set(members, bytes);
    }
    return bytes;
  }

  add(post: Post<P>): void {
    const cost = this.cost(post);
    this.#posts.push(post);
    this.#costs.push(cost);
    this.#count(post, cost);
  }

  /**
   * Takes the next batch: everything when it fits, else first each device's share, then what there is room for. A post
   * that is larger than a batch is one of its own. A fact overtakes nothing that was posted in its channel before, and is
   * overtaken by nothing that was posted there behind it: who gets these letters depends on it.
   */
  takeBatch(): Post<P>[] {
    if (this.#bytes <= this.#batchBytes) {
      const all = this.#posts;
      this.#keep([], []);
      return all;
    }
    const batch: Post<P>[] = [];
    const share = this.#batchBytes / Math.max(FEWEST_SHARES, this.#devices);
    const room = this.#takeInto(batch, this.#batchBytes, share);
    this.#takeInto(batch, room, Number.POSITIVE_INFINITY);
    return batch;
  }

  /** Takes out all posts that `isOut` names; it is asked about each once, in their order. */
  take(isOut: (post: Post<P>) => boolean): Post<P>[] {
    const out: Post<P>[] = [];
    const kept: Post<P>[] = [];
    const costs: number[] = [];
    for (const [index, post] of this.#posts.entries()) {
      if (isOut(post)) {
        out.push(post);
      } else {
        kept.push(post);
        costs.push(this.#costs[index] ?? 0);
      }
    }
    this.#keep(kept, costs);
    return out;
  }

  /** One round over all posts; returns the room that is left. */
  #takeInto(batch: Post<P>[], most: number, share: number): number {
    const posts: Post<P>[] = [];
    const costs: number[] = [];
    /** Devices that a post was left of: what they posted behind it stays, too. */
    const passedOver = new Set<Mailbox>();
    /** Channels that a post was left of: a fact behind it stays, too, and then everything. */
    const channels = new Set<MailStream>();
    const undecided = new Set<MailStream>();
    const taken = new Map<Mailbox, number>();
    let room = most;
    for (const [index, post] of this.#posts.entries()) {
      const { mail, fact } = post;
      const { mailbox } = post.poster;
      const cost = this.#costs[index] ?? 0;
      const before = taken.get(mailbox) ?? 0;
      const fits = (cost <= room || batch.length === 0) && (before === 0 || before + cost <= share);
      const waits = mail !== undefined && (fact === undefined ? undecided : channels).has(mail);
      if (fits && !waits && !passedOver.has(mailbox)) {
        batch.push(post);
        taken.set(mailbox, before + cost);
        room -= cost;
      } else {
        passedOver.add(mailbox);
        if (mail !== undefined) {
          channels.add(mail);
          if (fact !== undefined) undecided.add(mail);
        }
        posts.push(post);
        costs.push(cost);
      }
    }
    this.#keep(posts, costs);
    return room;
  }

  #keep(posts: Post<P>[], costs: number[]): void {
    for (const { poster } of this.#posts) poster.mailbox.collectedBytes = 0;
    this.#posts = posts;
    this.#costs = costs;
    this.#bytes = 0;
    this.#devices = 0;
    for (const [index, post] of posts.entries()) this.#count(post, costs[index] ?? 0);
  }

  #count({ poster: { mailbox } }: Post<P>, cost: number): void {
    if (mailbox.collectedBytes === 0) this.#devices += 1;
    this.#bytes += cost;
    mailbox.collectedBytes += cost;
  }
}

function namesBytes(members: readonly Mailbox[]): number {
  let bytes = 0;
  for (const { device } of members) bytes += device.length;
  return bytes;
}
