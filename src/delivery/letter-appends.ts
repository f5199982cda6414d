import { encodeMailPosted, MAIL_POSTED, type MailRecipient } from '../events/mail-encoding.ts';
import type { Appended, NewEvent, StreamAppend } from '../log/event-log.ts';
import { letterBytes } from './mailboxes/letter.ts';
import type { Post, Poster } from './post.ts';

interface MailAppend extends StreamAppend {
  readonly events: NewEvent[];
}

/** Where the letters of a batch are in the log, in the order of the posts that have one. */
export interface StoredLetters {
  readonly revisions: readonly number[];
  /** Bytes that each takes there. */
  readonly bytes: readonly number[];
}

/** The letters of a batch, encoded: one append for each run of one channel, so that the log has them in their order. */
export class LetterAppends {
  readonly appends: MailAppend[] = [];
  readonly #bytes: number[] = [];

  /**
   * Gives each recipient its inbox number.
   *
   * @throws LogError `LOG_INVALID` when a letter cannot be encoded: numbers are accepted all the same.
   */
  addAll<P extends Poster>(posts: readonly Post<P>[], expiresAt: number): void {
    let current: MailAppend | undefined;
    for (const post of posts) {
      const { mail } = post;
      if (mail === undefined) continue;
      if (current?.stream !== mail.name) {
        current = { stream: mail.name, expected: 'any', events: [] };
        this.appends.push(current);
      }
      const data = encode(post, expiresAt);
      current.events.push({ type: MAIL_POSTED, data });
      this.#bytes.push(letterBytes(data.length));
    }
  }

  stored(appended: readonly Appended[]): StoredLetters {
    const revisions: number[] = [];
    for (const [index, { events }] of this.appends.entries()) {
      const last = appended[index]?.revision ?? 0;
      for (let behind = events.length - 1; behind >= 0; behind -= 1) revisions.push(last - behind);
    }
    return { revisions, bytes: this.#bytes };
  }
}

function encode<P extends Poster>(post: Post<P>, expiresAt: number): Uint8Array {
  const { mailbox, resumes } = post.poster;
  const recipients: MailRecipient[] = [];
  for (const member of post.members) {
    if (member !== mailbox) recipients.push({ device: member.device, inboxNumber: member.accept() });
  }
  return encodeMailPosted({
    sender: mailbox.device,
    senderSequence: post.sequence,
    resumable: resumes,
    frameType: post.type,
    channel: post.channel,
    expiresAt,
    recipients,
    refused: post.refused,
    fact: post.fact,
    payload: post.payload,
  });
}
