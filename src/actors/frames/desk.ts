import type { Mailbox, MailboxCapacity } from '../../delivery/mailboxes/mailbox.ts';
import type { Post, Poster } from '../../delivery/post.ts';
import type { PostOffice } from '../../delivery/post-office.ts';
import { type CountedLimit, limitLabel } from '../../limits/index.ts';
import type { StreamAppend } from '../../log/event-log.ts';
import { errorPayload, type WireErrorCode } from '../../protocol/frames/errors.ts';
import type { Frame } from '../../protocol/frames/frame.ts';
import { FRAME, frameTypeOf } from '../../protocol/frames/frame-types.ts';
import type { JsonInput } from '../../protocol/json/json-writer.ts';
import type { FrameRefusal, LinkPort } from '../../relay-port/relay-port.ts';
import type { Route } from '../routes/route.ts';
import type { RelayEvents } from '../runtime/relay-events.ts';
import type { Session } from '../sessions/session.ts';
import { AckWriter, acknowledgement } from './acknowledgement.ts';

/** Limits that a frame can reach. */
type ConfiguredLimit = Extract<
  CountedLimit,
  | 'channelsPerDevice'
  | 'membersPerChannel'
  | 'listingsPerDevice'
  | 'listingBytes'
  | 'callsPerDevice'
  | 'callsPerChannel'
  | 'callParticipants'
>;

const NO_REFUSALS: readonly FrameRefusal[] = [];

/** What the post of a frame that was sent again says instead of the frame. */
const REPETITION = {
  mail: undefined,
  members: [],
  missing: 0,
  refused: NO_REFUSALS,
  fact: undefined,
  reply: undefined,
  settled: undefined,
} as const;

/** The sender of a frame that the server posts for a device that is gone: nobody waits for the acknowledgement. */
export interface AbsentPoster extends Poster {
  readonly number: undefined;
}

type Fields = Readonly<Record<string, JsonInput>>;

/** What a durable frame is posted with beyond itself. */
export interface Posting {
  /** What its ACK says beyond the numbers. */
  readonly reply?: Fields | undefined;
  /** What becomes true with it, and only with it. */
  readonly fact?: StreamAppend | undefined;
  /** It takes a device out of a call or a group: no full mailbox of others may keep it there. */
  readonly withdraws?: boolean;
  /** Called in the turn in which it is clear that it does not get into the log. */
  readonly undo?: (() => void) | undefined;
}

const NOTHING_MORE: Posting = {};

export interface DeskParts {
  readonly links: LinkPort;
  readonly office: PostOffice<Session | AbsentPoster>;
  readonly events: RelayEvents;
  /** Of each mailbox. */
  readonly capacity: MailboxCapacity;
  /** The counters of this mailbox have changed and want to be written, some time. */
  readonly touched: (mailbox: Mailbox) => void;
}

/** What frame handlers answer and pass on with. */
export class Desk {
  readonly #links: LinkPort;
  readonly #office: PostOffice<Session | AbsentPoster>;
  readonly #events: RelayEvents;
  readonly #capacity: MailboxCapacity;
  readonly #touched: (mailbox: Mailbox) => void;
  readonly #ack = new AckWriter();

  constructor({ links, office, events, capacity, touched }: DeskParts) {
    this.#links = links;
    this.#office = office;
    this.#events = events;
    this.#capacity = capacity;
    this.#touched = touched;
  }

  acknowledge(session: Session, channel: number, payload: Uint8Array): void {
    if (session.open) {
      this.#links.send(session.number, FRAME.ACK, channel, session.nextControlSequence(), payload);
      session.markDirty();
    }
  }

  /** The ACK that carries nothing but the number. */
  acknowledgeFrame(session: Session, channel: number, sequence: number): void {
    this.acknowledge(session, channel, this.#ack.write(sequence));
  }

  acknowledgeWith(session: Session, frame: Frame, fields: Fields): void {
    this.acknowledge(session, frame.channel, acknowledgement(frame.sequence, fields));
  }

  /** A durable frame is in the log, for this many devices; for a repetition that is not known. PROTOCOL.md 5.7. */
  acknowledgePost(session: Session, post: Post<Poster>, stored: number | undefined): void {
    const { channel, sequence, missing, reply } = post;
    if (stored === 0) this.#events.storedForNobody();
    const told = session.isTold ? stored : undefined;
    if (reply === undefined && missing === 0) {
      this.acknowledge(session, channel, this.#ack.write(sequence, told));
      return;
    }
    const fields = { ...reply, stored: told, not_stored: missing === 0 ? undefined : missing };
    this.acknowledge(session, channel, acknowledgement(sequence, fields));
  }

  /**
   * Answers a frame by ERROR on its channel; the connection stays. A durable one is thereby refused for good, unless it is
   * the log that refuses it.
   */
  refuse(
    session: Session,
    frame: Pick<Frame, 'type' | 'channel' | 'sequence'>,
    code: WireErrorCode,
    detail: string,
    extra: Fields = {},
  ): void {
    if (session.open) {
      if (session.resumes && code !== 'storage' && frameTypeOf(frame.type)?.durable === true) {
        session.mailbox.lane.refuse(frame.sequence, code);
      }
      const payload = errorPayload(code, detail, { ack: frame.sequence, ...extra });
      this.#links.send(session.number, FRAME.ERROR, frame.channel, session.nextControlSequence(), payload);
      this.#events.frameRefused(code);
      session.markDirty();
    }
  }

  /** Refuses a frame because of a limit that the operator sets. */
  refuseLimit(session: Session, frame: Frame, limit: ConfiguredLimit): void {
    this.#events.limitReached(limit);
    this.refuse(session, frame, 'limit', `limits.${limitLabel(limit)} is reached`);
  }

  /** Refuses a frame because its account does this too often. */
  refuseRate(session: Session, frame: Frame, limit: 'changeBytesPerSecond'): void {
    this.#events.limitReached(limit);
    this.refuse(
      session,
      frame,
      'rate_limited',
      `limits.${limitLabel(limit)} is reached: send it again later`,
    );
  }

  /**
   * With `resume`: whether a durable frame was sent before. Then it is answered as it was, once that is durable, and posted
   * never again. PROTOCOL.md 11.3.
   */
  answersAgain(session: Session, frame: Frame): boolean {
    const { lane } = session.mailbox;
    if (!session.resumes || !lane.hasTaken(frame.sequence)) return false;
    const refusal = lane.refusalOf(frame.sequence);
    if (refusal === undefined) {
      this.#office.post({ ...frame, ...REPETITION, poster: session });
    } else {
      this.refuse(session, frame, refusal, 'the frame was refused when it came first');
    }
    return true;
  }

  /** The log can never take the frame with all its recipients: this concerns its sender alone. */
  refuseTooLarge(session: Session, frame: Omit<Frame, 'payload'>): void {
    this.#touched(session.mailbox);
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
    mailbox.refuse();
    this.#touched(mailbox);
    return false;
  }

  /**
   * Posts a durable frame to everybody else on the route who has room for it; its ACK follows when it is on disk, and says
   * for how many it was stored. False when it is not posted: nobody has room (PROTOCOL.md 7.5), and it has been refused; or
   * the session has ended, and its client sends it again.
   */
  post(
    session: Session,
    route: Route,
    frame: Frame,
    posting = NOTHING_MORE,
    settled?: (error: unknown) => void,
  ): boolean {
    if (!session.open) return false;
    const { mailbox, resumes } = session;
    const members = this.#withRoom(route.members, mailbox);
    const missing = route.members.length - members.length;
    if (missing > 0 && posting.withdraws !== true && !members.some((member) => member !== mailbox)) {
      this.refuse(session, frame, 'mailbox_full', 'limits.mailbox_frames or mailbox_bytes is reached');
      return false;
    }
    const post = {
      poster: session,
      mail: route.mail,
      type: frame.type,
      channel: frame.channel,
      sequence: frame.sequence,
      payload: frame.payload,
      members,
      missing,
      refused: NO_REFUSALS,
      fact: posting.fact,
      reply: posting.reply,
      settled,
    };
    if (!this.#office.fits(post)) {
      this.refuseTooLarge(session, frame);
      return false;
    }
    if (resumes) post.refused = mailbox.lane.accept(frame.sequence);
    this.#office.post(post);
    return true;
  }

  /** Posts a durable frame. Resolves with whether it is in the log; if it is not, it has been answered. */
  commit(session: Session, route: Route, frame: Frame, posting: Posting): Promise<boolean> {
    const { undo } = posting;
    return new Promise((resolve) => {
      const done = (isStored: boolean): void => {
        if (!isStored) undo?.();
        resolve(isStored);
      };
      if (!this.post(session, route, frame, posting, (error) => done(error === undefined))) done(false);
    });
  }

  /** Posts a frame in the name of a device whose session has ended. Resolves with whether it is in the log. */
  commitFor(
    mailbox: Mailbox,
    route: Route,
    type: number,
    payload: Uint8Array,
    fact: StreamAppend | undefined,
  ): Promise<boolean> {
    const members = this.#withRoom(route.members, mailbox);
    return new Promise((resolve) => {
      this.#office.post({
        poster: { mailbox, resumes: false, number: undefined },
        mail: route.mail,
        type,
        channel: route.number,
        sequence: 0,
        payload,
        members,
        missing: route.members.length - members.length,
        refused: NO_REFUSALS,
        fact,
        reply: undefined,
        settled: (error) => resolve(error === undefined),
      });
    });
  }

  /** Passes a live-only frame to whoever is connected now. */
  pass(session: Session, route: Route, frame: Frame): void {
    for (const mailbox of route.members) {
      if (mailbox !== session.mailbox && !mailbox.sendLive(frame.type, frame.channel, frame.payload)) {
        this.#events.dropped(frame.type);
      }
    }
  }
}
