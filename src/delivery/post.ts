import type { StreamAppend } from '../log/event-log.ts';
import type { JsonInput } from '../protocol/json/json-writer.ts';
import type { FrameRefusal } from '../relay-port/relay-port.ts';
import type { MailStream } from './mailboxes/letter.ts';
import type { Mailbox } from './mailboxes/mailbox.ts';

/** The sender's side of a post. */
export interface Poster {
  readonly mailbox: Mailbox;
  /** Whether the session resumes: its upstream sequence then travels in the event. */
  readonly resumes: boolean;
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
  /** Those who get it; the sender, which may be among them, does not. */
  readonly members: readonly Mailbox[];
  /** Devices that would get it, had their mailboxes room. */
  readonly missing: number;
  /** Refusals of the sender that travel with the letter: nearly always none. */
  readonly refused: readonly FrameRefusal[];
  /** What becomes true with the letter, and only with it. */
  readonly fact: StreamAppend | undefined;
  /** What the ACK says beyond the numbers. */
  readonly reply: Readonly<Record<string, JsonInput>> | undefined;
  /** Called once, in the turn in which the post is acknowledged, or refused with this error. */
  readonly settled: ((error: unknown) => void) | undefined;
}
