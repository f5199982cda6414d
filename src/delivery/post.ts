import type { StreamAppend } from '../log/event-log.ts';
import type { FrameRefusal } from '../relay-port/relay-port.ts';
import type { MailStream } from './mailboxes/letter.ts';
import type { Mailbox } from './mailboxes/mailbox.ts';

/** Who posts, and is told what becomes of it: of each post once, in the order of the posts. */
export interface Poster {
  readonly mailbox: Mailbox;
  /** Whether the session resumes: its upstream sequence then travels in the event. */
  readonly resumes: boolean;
  /** The post is in the log, and these many devices get it: those that are connected have been served. */
  posted(post: Post, stored: number): void;
  /** The log did not take the post, for now or for good: whatever becomes of the disk, it never will. */
  refused(post: Post, forGood: boolean): void;
}

/** A frame that is to be stored and delivered. */
export interface Post {
  readonly poster: Poster;
  readonly mail: MailStream;
  readonly type: number;
  readonly channel: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
  /** Those who get it; the sender, which may be among them, does not. */
  readonly members: readonly Mailbox[];
  /** Devices that would get it, had their mailboxes room. */
  readonly missing: number;
  /** What becomes true with the letter, and only with it. */
  readonly fact: StreamAppend | undefined;
  /** Refusals of the sender that travel with the letter: nearly always none. The office fills them in. */
  refused: readonly FrameRefusal[];
}
