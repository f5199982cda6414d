import { encodeMailPosted, MAIL_POSTED, type MailRecipient } from '../events/mail-encoding.ts';
import type { Appended, NewEvent, StreamAppend } from '../log/event-log.ts';
import { must } from '../ports/must.ts';
import { letterBytes } from './mailboxes/letter.ts';
import type { Mailbox } from './mailboxes/mailbox.ts';
import type { NameCache } from './name-cache.ts';
import type { Post } from './post.ts';

/** Their names are written as fast as they are looked up. */
const FEW_MEMBERS = 8;
const NONE: readonly MailRecipient[] = [];

interface MailAppend extends StreamAppend {
  readonly events: NewEvent[];
}

/** Where the letters of a batch are in the log, in the order of their posts. */
export interface StoredLetters {
  readonly revisions: readonly number[];
  /** Bytes that each takes there. */
  readonly bytes: readonly number[];
}

/** The letters of a batch, encoded: one append for each run of one channel, so that the log has them in their order. */
export class LetterAppends {
  readonly appends: MailAppend[] = [];
  readonly #bytes: number[] = [];
  readonly #names: NameCache;

  constructor(names: NameCache) {
    this.#names = names;
  }

  /**
   * Gives each recipient its inbox number.
   *
   * @throws LogError `LOG_INVALID` when a letter cannot be encoded: numbers are accepted all the same.
   */
  addAll(posts: readonly Post[], expiresAt: number): void {
    let current: MailAppend | undefined;
    for (const post of posts) {
      const { mail } = post;
      if (current?.stream !== mail.name) {
        current = { stream: mail.name, expected: 'any', events: [] };
        this.appends.push(current);
      }
      const data = encode(post, expiresAt, this.#names);
      current.events.push({ type: MAIL_POSTED, data });
      this.#bytes.push(letterBytes(data.length));
    }
  }

  stored(appended: readonly Appended[]): StoredLetters {
    const revisions: number[] = [];
    for (const [index, { events }] of this.appends.entries()) {
      const last = must(appended[index], 'the place of an append').revision;
      for (let behind = events.length - 1; behind >= 0; behind -= 1) revisions.push(last - behind);
    }
    return { revisions, bytes: this.#bytes };
  }
}

function encode(post: Post, expiresAt: number, cache: NameCache): Uint8Array {
  const { members, poster } = post;
  const { mailbox, resumes } = poster;
  const names = members.length > FEW_MEMBERS ? cache.of(members) : undefined;
  const mail = {
    sender: mailbox.device,
    senderSequence: post.sequence,
    resumable: resumes,
    frameType: post.type,
    channel: post.channel,
    expiresAt,
    recipients: names === undefined ? recipientsOf(members, mailbox) : NONE,
    refused: post.refused,
    fact: post.fact,
    payload: post.payload,
  };
  if (names === undefined) return encodeMailPosted(mail);
  const numberOf = (index: number): number => must(members[index], 'a recipient').accept();
  return names.encode(mail, members.indexOf(mailbox), numberOf);
}

function recipientsOf(members: readonly Mailbox[], sender: Mailbox): MailRecipient[] {
  const recipients: MailRecipient[] = [];
  for (const member of members) {
    if (member !== sender) recipients.push({ device: member.device, inboxNumber: member.accept() });
  }
  return recipients;
}
