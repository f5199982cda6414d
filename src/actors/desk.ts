import { Mailbox, type MailboxCapacity } from '../delivery/mailbox.ts';
import type { Poster } from '../delivery/post.ts';
import type { PostOffice } from '../delivery/post-office.ts';
import { type CountedLimit, limitLabel } from '../limits/index.ts';
import { errorPayload, type WireErrorCode } from '../protocol/errors.ts';
import { FRAME } from '../protocol/frame-types.ts';
import type { JsonInput } from '../protocol/json-writer.ts';
import { serialAfter } from '../protocol/serial.ts';
import { AckWriter, acknowledgement } from './acknowledgement.ts';
import type { RelayEvents } from './relay-events.ts';
import type { LinkPort } from './relay-port.ts';
import type { Route } from './route.ts';
import type { Session, WaitingFrame } from './session.ts';

/** Limits that a frame can reach. */
type ConfiguredLimit = Extract<
  CountedLimit,
  'channelsPerDevice' | 'membersPerChannel' | 'listingsPerDevice' | 'listingBytes'
>;

const NOBODY = new Mailbox('');
const NO_BYTES = new Uint8Array(0);

/** The sender of a frame that the server posts for a device that is gone: nobody waits for the acknowledgement. */
export interface AbsentPoster extends Poster {
  readonly session: undefined;
  /** Called once the post is in the log, or refused. */
  readonly settled?: () => void;
}

export interface DeskParts {
  readonly links: LinkPort;
  readonly office: PostOffice<Session | AbsentPoster>;
  readonly events: RelayEvents;
  /** Of each mailbox. */
  readonly capacity: MailboxCapacity;
}

/** What frame handlers answer and pass on with. */
export class Desk {
  readonly #links: LinkPort;
  readonly #office: PostOffice<Session | AbsentPoster>;
  readonly #events: RelayEvents;
  readonly #capacity: MailboxCapacity;
  readonly #ack = new AckWriter();

  constructor({ links, office, events, capacity }: DeskParts) {
    this.#links = links;
    this.#office = office;
    this.#events = events;
    this.#capacity = capacity;
  }

  acknowledge(session: Session, channel: number, payload: Uint8Array): void {
    if (session.open) {
      this.#links.send(session.session, FRAME.ACK, channel, session.nextControlSequence(), payload);
      session.markDirty();
    }
  }

  /** The ACK that carries nothing but the number. */
  acknowledgeFrame(session: Session, channel: number, sequence: number): void {
    this.acknowledge(session, channel, this.#ack.write(sequence));
  }

  acknowledgeWith(session: Session, frame: WaitingFrame, fields: Readonly<Record<string, JsonInput>>): void {
    this.acknowledge(session, frame.channel, acknowledgement(frame.sequence, fields));
  }

  /** Answers a frame by ERROR on its channel; the connection stays. */
  refuse(
    session: Session,
    frame: Pick<WaitingFrame, 'channel' | 'sequence'>,
    code: WireErrorCode,
    detail: string,
    extra: Readonly<Record<string, JsonInput>> = {},
  ): void {
    if (session.open) {
      const payload = errorPayload(code, detail, { ack: frame.sequence, ...extra });
      this.#links.send(session.session, FRAME.ERROR, frame.channel, session.nextControlSequence(), payload);
      this.#events.frameRefused(code);
      session.markDirty();
    }
  }

  /** Refuses a frame because of a limit that the operator sets. */
  refuseLimit(session: Session, frame: WaitingFrame, limit: ConfiguredLimit): void {
    this.#events.limitReached(limit);
    this.refuse(session, frame, 'limit', `limits.${limitLabel(limit)} is reached`);
  }

  /** Refuses a frame because its account does this too often. */
  refuseRate(session: Session, frame: WaitingFrame, limit: 'changeBytesPerSecond'): void {
    this.#events.limitReached(limit);
    this.refuse(
      session,
      frame,
      'rate_limited',
      `limits.${limitLabel(limit)} is reached: send it again later`,
    );
  }

  /** With `resume`: whether the log has this durable frame already, or will have it in a moment. */
  isRepetition(session: Session, sequence: number): boolean {
    const { accepted } = session.mailbox;
    return session.resumes && accepted !== undefined && !serialAfter(sequence, accepted);
  }

  /** A frame sent again: acknowledged once the first one is durable, posted never. */
  repeat(session: Session, frame: WaitingFrame): void {
    if (session.mailbox.wasRefused(frame.sequence)) {
      this.#refuseFull(session, frame);
      return;
    }
    this.#office.post({ ...frame, poster: session, mail: undefined, members: [], reply: undefined });
  }

  /**
   * Whether anybody on the route has room for a durable frame; it has been refused otherwise. One full mailbox does not
   * stop a channel. PROTOCOL.md 7.5.
   */
  mayPost(session: Session, route: Route, frame: WaitingFrame): boolean {
    const { members } = route;
    let others = 0;
    for (const mailbox of members) {
      if (mailbox !== session.mailbox) {
        if (mailbox.hasRoom(this.#capacity)) {
          return true;
        }
        others += 1;
      }
    }
    if (others === 0) {
      return true;
    }
    for (const mailbox of members) {
      if (mailbox !== session.mailbox) {
        this.#passOver(mailbox);
      }
    }
    if (session.resumes) {
      session.mailbox.noteRefused(frame.sequence);
    }
    this.#refuseFull(session, frame);
    return false;
  }

  #refuseFull(session: Session, frame: WaitingFrame): void {
    this.refuse(session, frame, 'mailbox_full', 'limits.mailbox_frames or mailbox_bytes is reached');
  }

  /** The log can never take the frame with all its recipients: this concerns its sender alone. */
  refuseTooLarge(session: Session, frame: Pick<WaitingFrame, 'channel' | 'sequence'>): void {
    if (session.resumes) {
      session.mailbox.noteRefused(frame.sequence);
    }
    this.refuse(
      session,
      frame,
      'too_large',
      'the frame and the names of its recipients do not fit into the log',
    );
  }

  /** Those who have room, and the sender. The same array when all have, so that posts of a channel stay one run. */
  #withRoom(members: readonly Mailbox[], sender: Mailbox): readonly Mailbox[] {
    for (const mailbox of members) {
      if (mailbox !== sender && !mailbox.hasRoom(this.#capacity)) {
        return members.filter(
          (other) => other === sender || other.hasRoom(this.#capacity) || this.#passOver(other),
        );
      }
    }
    return members;
  }

  #passOver(mailbox: Mailbox): false {
    const byFrames = mailbox.stored >= this.#capacity.frames;
    this.#events.limitReached(byFrames ? 'mailboxFrames' : 'mailboxBytes');
    mailbox.missed += 1;
    return false;
  }

  /**
   * Posts a durable frame to everybody else on the route who has room for it; its ACK follows when it is on disk, and says
   * for how many it was not stored, if any.
   */
  post(session: Session, route: Route, frame: WaitingFrame, reply?: Uint8Array): void {
    const members = this.#withRoom(route.members, session.mailbox);
    const missing = route.members.length - members.length;
    const post = {
      poster: session,
      mail: route.mail,
      type: frame.type,
      channel: frame.channel,
      sequence: frame.sequence,
      payload: frame.payload,
      members,
      reply: reply ?? (missing === 0 ? undefined : acknowledgement(frame.sequence, { not_stored: missing })),
    };
    if (!this.#office.fits(post)) {
      this.refuseTooLarge(session, frame);
      return;
    }
    if (session.resumes) {
      session.mailbox.accepted = frame.sequence;
    }
    this.#office.post(post);
  }

  /** Posts a frame in the name of a device whose session has ended. */
  postFor(mailbox: Mailbox, route: Route, type: number, payload: Uint8Array): void {
    this.#office.post({
      poster: { mailbox, resumes: false, ended: false, session: undefined },
      mail: route.mail,
      type,
      channel: route.number,
      sequence: 0,
      payload,
      members: this.#withRoom(route.members, mailbox),
      reply: undefined,
    });
  }

  /** Resolves when every letter that was posted before is in the log, or refused. */
  settled(): Promise<void> {
    return new Promise((settled) => {
      const poster = { mailbox: NOBODY, resumes: false, ended: false, session: undefined, settled };
      const nothing = {
        type: 0,
        channel: 0,
        sequence: 0,
        payload: NO_BYTES,
        members: [],
        reply: undefined,
      };
      this.#office.post({ ...nothing, poster, mail: undefined });
    });
  }

  /** Passes a live-only frame to whoever is connected now. */
  pass(session: Session, route: Route, frame: WaitingFrame): void {
    for (const mailbox of route.members) {
      if (
        mailbox !== session.mailbox &&
        mailbox.outbox?.sendLive(frame.type, frame.channel, frame.payload) === false
      ) {
        this.#events.dropped(frame.type);
      }
    }
  }
}
