import { MAIL_POSTED, mailExtrasBytes, mailPostedBytes } from '../events/mail-encoding.ts';
import { eventCost } from '../log/append-check.ts';
import { must } from '../ports/must.ts';
import type { Mailbox } from './mailboxes/mailbox.ts';
import type { Post } from './post.ts';
import { SenderRounds } from './sender-rounds.ts';

/** What a collected post costs in memory beyond its payload, roughly. */
const POST_OVERHEAD = 256;
/** Their names are added up as fast as a sum is looked up. */
const FEW_MEMBERS = 8;

/**
 * Posts that wait for the batch in flight, each counted by what it really costs: a payload of one byte to a thousand
 * devices is a letter of all their names. Batches are cut from them by that cost: all of them while they fit into one, else
 * by `SenderRounds`.
 */
export class Collected {
  readonly #batchBytes: number;
  /** Those that came since a batch was taken, and what each costs. */
  #posts: Post[] = [];
  #costs: number[] = [];
  /** Those that did not fit into it. */
  readonly #rounds = new SenderRounds();
  #bytes = 0;
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
    return this.#posts.length === 0 && this.#rounds.isEmpty;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What a post takes in the log, at most, and beside it in memory. */
  cost(post: Post): number {
    const { mail, members, payload, poster, refused, fact } = post;
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

  add(post: Post): void {
    this.#keep(post, this.cost(post));
  }

  /** Takes the next batch. */
  takeBatch(): Post[] {
    const { posts, costs } = this.#takeNew();
    if (this.#rounds.isEmpty && this.#bytes <= this.#batchBytes) {
      for (const [index, post] of posts.entries()) this.#uncount(post, must(costs[index], 'a cost'));
      return posts;
    }
    for (const [index, post] of posts.entries()) this.#rounds.add(post, must(costs[index], 'a cost'));
    const batch: Post[] = [];
    this.#rounds.fill(this.#batchBytes, (post, cost) => {
      batch.push(post);
      this.#uncount(post, cost);
    });
    return batch;
  }

  /** Takes out all posts that `isOut` names; it is asked about each once, in their order. */
  take(isOut: (post: Post) => boolean): Post[] {
    const out: Post[] = [];
    const older = this.#rounds.takeAll();
    const { posts, costs } = this.#takeNew();
    const newer = posts.map((post, index) => ({ post, cost: must(costs[index], 'a cost') }));
    for (const { post, cost } of [...older, ...newer]) {
      this.#uncount(post, cost);
      if (isOut(post)) out.push(post);
      else this.#keep(post, cost);
    }
    return out;
  }

  #takeNew(): { readonly posts: Post[]; readonly costs: readonly number[] } {
    const posts = this.#posts;
    const costs = this.#costs;
    this.#posts = [];
    this.#costs = [];
    return { posts, costs };
  }

  #keep(post: Post, cost: number): void {
    this.#posts.push(post);
    this.#costs.push(cost);
    this.#bytes += cost;
    post.poster.mailbox.noteCollected(cost);
  }

  #uncount({ poster }: Post, cost: number): void {
    this.#bytes -= cost;
    poster.mailbox.noteCollected(-cost);
  }
}

function namesBytes(members: readonly Mailbox[]): number {
  let bytes = 0;
  for (const { device } of members) bytes += device.length;
  return bytes;
}
