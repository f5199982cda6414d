import type { MailStream } from './letter.ts';
import type { Mailbox } from './mailbox.ts';

/** The sender's side of a post. */
export interface Poster {
  readonly mailbox: Mailbox;
  /** Whether the session resumes: its upstream sequence then travels in the event. */
  readonly resumes: boolean;
  /** Set when the session has ended: nothing that is not in the log yet will be posted for it. */
  readonly ended: boolean;
}

/** A frame that is to be stored and delivered. */
export interface Post<P extends Poster> {
  readonly poster: P;
  /** Undefined for a repetition of a frame that is in the log or on its way: it is only acknowledged, in order. */
  readonly mail: MailStream | undefined;
  readonly type: number;
  readonly channel: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
  /** Everybody in the channel. All but the sender get the frame. */
  readonly members: readonly Mailbox[];
  /** Handed back to the acknowledging side, for frames whose ACK carries more than the number. */
  readonly reply: Uint8Array | undefined;
}
