import type { CursorKeeper } from '../../delivery/mailboxes/cursor-keeper.ts';
import type { Mailbox, MailboxCapacity } from '../../delivery/mailboxes/mailbox.ts';
import type { Post, Poster } from '../../delivery/post.ts';
import type { PostOffice } from '../../delivery/post-office.ts';
import type { StreamAppend } from '../../log/event-log.ts';
import type { Frame } from '../../protocol/frames/frame.ts';
import type { JsonInput } from '../../protocol/json/json-writer.ts';
import type { FrameRefusal } from '../../relay-port/relay-port.ts';
import type { Route } from '../routes/route.ts';
import type { RelayEvents } from '../runtime/relay-events.ts';
import { Refusal } from '../sessions/refusal.ts';
import type { Session } from '../sessions/session.ts';

const NO_REFUSALS: readonly FrameRefusal[] = [];
const NOBODY: readonly Mailbox[] = [];

/** What a durable frame is posted with beyond itself. */
export interface Enclosed {
  /** What its ACK says beyond the numbers. */
  readonly reply?: Readonly<Record<string, JsonInput>> | undefined;
  /** What becomes true with it, and only with it. */
  readonly fact?: StreamAppend | undefined;
  /** It takes a device out of a call or a group: no full mailbox of others may keep it there. */
  readonly withdraws?: boolean;
  /** Called in the turn in which it is clear that it does not get into the log. */
  readonly undo?: (() => void) | undefined;
}

const NOTHING_MORE: Enclosed = {};

export interface PostingParts {
  readonly office: PostOffice;
  readonly events: Pick<RelayEvents, 'dropped' | 'limitReached'>;
  readonly cursors: Pick<CursorKeeper, 'touched'>;
  /** Of each mailbox. */
  readonly capacity: MailboxCapacity;
}

/** Sends frames on: durable ones by the post office, live ones to whoever is connected. */
export class Posting {
  readonly #parts: PostingParts;

  constructor(parts: PostingParts) {
    this.#parts = parts;
  }

  /**
   * Posts a durable frame to everybody else on the route who has room for it. Its session hears what becomes of it: an ACK
   * when it is on disk, which says for how many it was stored.
   *
   * @throws Refusal `mailbox_full` when nobody has room (PROTOCOL.md 7.5), `too_large` when the log can never take it,
   *   `storage` when the session has ended: its client sends it again.
   */
  post(session: Session, route: Route, frame: Frame): void {
    this.#post(session, session, route, frame, NOTHING_MORE);
  }

  /**
   * Posts a durable frame and resolves when it is in the log and acknowledged.
   *
   * @throws Refusal as `post`, and when the log does not take it
   */
  commit(session: Session, route: Route, frame: Frame, enclosed: Enclosed): Promise<void> {
    const { reply, undo } = enclosed;
    const { mailbox, resumes } = session;
    return new Promise((resolve, reject) => {
      const poster: Poster = {
        mailbox,
        resumes,
        posted(post, stored) {
          session.posted(post, stored, reply);
          resolve();
        },
        refused(_post, forGood) {
          undo?.();
          reject(Refusal.ofLog(forGood));
        },
      };
      try {
        this.#post(session, poster, route, frame, enclosed);
      } catch (error) {
        undo?.();
        throw error;
      }
    });
  }

  /**
   * Posts a frame in the name of a device whose session has ended, and resolves when it is in the log.
   *
   * @throws Refusal when the log does not take it
   */
  commitFor(mailbox: Mailbox, route: Route, frame: Frame, fact: StreamAppend | undefined): Promise<void> {
    const full = this.#full(route.members, mailbox);
    return new Promise((resolve, reject) => {
      const poster: Poster = {
        mailbox,
        resumes: false,
        posted: () => resolve(),
        refused: (_post, forGood) => reject(Refusal.ofLog(forGood)),
      };
      this.#parts.office.post(this.#letter(poster, route, frame, full, fact));
    });
  }

  /** Undefined when all that the session has posted before is stored or refused; otherwise resolves when it is. */
  settled(session: Session): Promise<void> | undefined {
    return this.#parts.office.barrier(session.mailbox);
  }

  /** Passes a live-only frame to whoever is connected now. */
  pass(session: Session, route: Route, { type, channel, payload }: Frame): void {
    for (const mailbox of route.members) {
      if (mailbox !== session.mailbox && !mailbox.sendLive(type, channel, payload)) {
        this.#parts.events.dropped(type);
      }
    }
  }

  #post(session: Session, poster: Poster, route: Route, frame: Frame, { fact, withdraws }: Enclosed): void {
    if (!session.open) throw Refusal.ofLog(false);
    const { office } = this.#parts;
    const full = this.#full(route.members, session.mailbox);
    const post = this.#letter(poster, route, frame, full, fact);
    if (full.length > 0 && withdraws !== true && !post.members.some((member) => member !== session.mailbox)) {
      throw new Refusal('mailbox_full', 'limits.mailbox_frames or mailbox_bytes is reached');
    }
    if (!office.fits(post)) throw Refusal.ofLog(true);
    office.post(post);
  }

  #letter(
    poster: Poster,
    { mail, members }: Route,
    { type, channel, sequence, payload }: Frame,
    full: readonly Mailbox[],
    fact: StreamAppend | undefined,
  ): Post {
    return {
      poster,
      mail,
      type,
      channel,
      sequence,
      payload,
      // The same array when all have room, so that posts of a channel stay one run.
      members: full.length === 0 ? members : without(members, full),
      missing: full.length,
      fact,
      refused: NO_REFUSALS,
    };
  }

  /** Those among the recipients who have no room: they miss this frame. */
  #full(members: readonly Mailbox[], sender: Mailbox): readonly Mailbox[] {
    const { capacity, cursors, events } = this.#parts;
    let full: Mailbox[] | undefined;
    for (const mailbox of members) {
      if (mailbox === sender || mailbox.hasRoom(capacity)) continue;
      events.limitReached(mailbox.stored >= capacity.frames ? 'mailboxFrames' : 'mailboxBytes');
      mailbox.refuse();
      cursors.touched(mailbox);
      full ??= [];
      full.push(mailbox);
    }
    return full ?? NOBODY;
  }
}

function without(members: readonly Mailbox[], full: readonly Mailbox[]): readonly Mailbox[] {
  const left = new Set(full);
  return members.filter((mailbox) => !left.has(mailbox));
}
