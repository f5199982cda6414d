import type { MailStream } from '../../delivery/mailboxes/letter.ts';
import type { Mailbox } from '../../delivery/mailboxes/mailbox.ts';

/** What a session needs to pass frames of one channel on, without asking the channel's actor. */
export interface Route {
  /** The channel's key: random, so that a number in other hands is another channel. */
  readonly key: string;
  readonly number: number;
  readonly openRoom: boolean;
  /** Id of the group whose channel this is. */
  readonly group: string | undefined;
  readonly mail: MailStream;
  /** Everybody who takes part, the sender of a frame included. The array never changes; a change makes a new one. */
  readonly members: readonly Mailbox[];
}

/** The one route of a channel, kept current by its directory. Joining is cheap: the array is made when it is needed. */
export class ChannelRoute implements Route {
  readonly key: string;
  readonly number: number;
  readonly openRoom: boolean;
  readonly group: string | undefined;
  readonly mail: MailStream;
  readonly #participants = new Set<Mailbox>();
  #members: readonly Mailbox[] | undefined;

  constructor(facts: Omit<Route, 'members'>) {
    this.key = facts.key;
    this.number = facts.number;
    this.openRoom = facts.openRoom;
    this.group = facts.group;
    this.mail = facts.mail;
  }

  get members(): readonly Mailbox[] {
    this.#members ??= [...this.#participants];
    return this.#members;
  }

  get size(): number {
    return this.#participants.size;
  }

  add(mailbox: Mailbox): void {
    if (!this.#participants.has(mailbox)) {
      this.#participants.add(mailbox);
      this.#members = undefined;
    }
  }

  remove(mailbox: Mailbox): void {
    if (this.#participants.delete(mailbox)) this.#members = undefined;
  }
}
