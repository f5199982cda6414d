import type { MailStream } from '../delivery/letter.ts';
import type { Mailbox } from '../delivery/mailbox.ts';

/**
 * What a session needs to pass frames of one channel on, without asking the channel's actor: a plain object that the
 * directory replaces whenever the channel's state changes.
 */
export interface Route {
  /** The channel's key: random, so that a number in other hands is another channel. */
  readonly key: string;
  readonly number: number;
  readonly openRoom: boolean;
  readonly mail: MailStream;
  /** Everybody who takes part, the sender of a frame included. */
  readonly members: readonly Mailbox[];
}
