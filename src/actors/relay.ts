import type { CursorKeeper } from '../delivery/mailboxes/cursor-keeper.ts';
import type { Mailboxes } from '../delivery/mailboxes/mailboxes.ts';
import { Outbox, type OutboxEvents, type OutboxLimits } from '../delivery/outbox.ts';
import type { Post } from '../delivery/post.ts';
import type { EventLog } from '../log/event-log.ts';
import type { Clock, Random } from '../ports/ports.ts';
import type { Presence, PresenceRefresher } from '../presence/index.ts';
import { toHex } from '../protocol/bytes.ts';
import { errorPayload } from '../protocol/frames/errors.ts';
import type { Frame } from '../protocol/frames/frame.ts';
import { FRAME, frameTypeOf } from '../protocol/frames/frame-types.ts';
import type {
  Establishment,
  HelloFacts,
  LinkPort,
  RelayPort,
  Resolution,
  SessionNumber,
} from '../relay-port/relay-port.ts';
import { sessionTag } from '../telemetry/index.ts';
import type { Accounts } from './accounts/accounts.ts';
import type { CallFrames } from './frames/call-frames.ts';
import type { AbsentPoster, Desk } from './frames/desk.ts';
import type { FrameDispatch } from './frames/frame-dispatch.ts';
import type { RelayEvents } from './runtime/relay-events.ts';
import { grantedCapabilities } from './sessions/capabilities.ts';
import { Intake } from './sessions/intake.ts';
import { PendingWrites } from './sessions/pending-writes.ts';
import { Session, SessionActor } from './sessions/session.ts';
import type { SessionJournal } from './sessions/session-journal.ts';

const TOKEN_BYTES = 32;
/** The connection has gone meanwhile: nobody hears this. */
const CLOSED = { ok: false, refusal: 'invalid request', reason: 'closed' } as const;

export interface RelayParts {
  readonly journal: SessionJournal;
  readonly log: EventLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly links: LinkPort;
  readonly accounts: Accounts;
  readonly mailboxes: Mailboxes;
  readonly cursors: CursorKeeper;
  readonly presence: Presence;
  readonly presenceRefresher: PresenceRefresher;
  readonly desk: Desk;
  readonly calls: CallFrames;
  readonly events: RelayEvents;
  readonly outboxLimits: OutboxLimits;
  /** Bytes of frames that may wait for an earlier one of their session. */
  readonly waitingBytes: number;
  /** Whether so much waits for the disk that nothing more of this session should be read. */
  readonly congested: (session: Session) => boolean;
}

/** Sessions: their handshake, their frames in order, their end. Implements the relay's side of the gateway's port. */
export class Relay implements RelayPort {
  readonly #parts: RelayParts;
  readonly #dispatch: (relay: Relay) => FrameDispatch;
  readonly #actors = new Map<SessionNumber, SessionActor>();
  /** The live session of each device. */
  readonly #devices = new Map<string, Session>();
  #frames: FrameDispatch | undefined;
  /** One object for all outboxes: an idle session should cost little. */
  readonly #outboxEvents: OutboxEvents = {
    released: (letters, mailbox) => {
      this.#parts.events.delivered(letters.length);
      this.#parts.cursors.released(letters, mailbox);
    },
    delivered: (type, again) => this.#parts.events.sent(type, again),
    withheld: (type) => this.#parts.events.withheld(type),
    failed: (error, number) => {
      this.#parts.events.failed('outbox', error);
      const session = this.#actors.get(number)?.session;
      if (session !== undefined) {
        this.#end(session, 'storage_unavailable', 'stored frames cannot be read at the moment');
      }
    },
  };
  readonly #intake: Intake;
  readonly #writes: PendingWrites;
  readonly #journal: SessionJournal;

  constructor(parts: RelayParts, dispatch: (relay: Relay) => FrameDispatch) {
    this.#parts = parts;
    this.#intake = new Intake({
      links: parts.links,
      clock: parts.clock,
      isCongested: parts.congested,
      waitingBytes: parts.waitingBytes,
      handle: (session, frame) => this.#handle(session, frame),
      flooded: (session) => this.#end(session, 'flooding', 'too many frames wait for an earlier one'),
    });
    this.#writes = new PendingWrites(parts.links, parts.clock);
    this.#journal = parts.journal;
    this.#dispatch = dispatch;
  }

  get sessions(): number {
    return this.#devices.size;
  }

  async resolve(hello: HelloFacts): Promise<Resolution> {
    const actor = new SessionActor();
    this.#actors.set(hello.session, actor);
    try {
      const resolved = await this.#parts.accounts.resolve(hello);
      if (!actor.is('resolving')) return CLOSED;
      if (!resolved.ok) return this.#refused(hello.session, actor, resolved);
      actor.admission = resolved.admission;
      actor.token = toHex(this.#parts.random.bytes(TOKEN_BYTES));
      actor.send('RESOLVED');
      return { ok: true, sessionToken: actor.token, user: resolved.admission.user };
    } catch (error) {
      this.#parts.events.failed('resolve', error);
      return this.#refused(hello.session, actor, { refusal: 'storage failure', reason: 'storage' });
    }
  }

  async establish(number: SessionNumber): Promise<Establishment> {
    const actor = this.#actors.get(number);
    const admission = actor?.admission;
    if (actor === undefined || admission === undefined || !actor.is('awaitingProof')) return CLOSED;
    actor.send('PROVED');
    try {
      const committed = await this.#parts.accounts.commit(admission);
      if (!committed.ok) return this.#refused(number, actor, committed);
      const session = await this.#open(actor, admission.hello, committed.user);
      if (session === undefined) return CLOSED;
      const { mailbox } = session;
      // What an older session of the device has left in work is stored or refused before this one begins.
      await mailbox.lane.quiet();
      if (!actor.is('acknowledging')) return CLOSED;
      const { epoch } = this.#parts.log;
      const { confirmed, next, since, lane } = mailbox;
      const { user, certificate, pairingRequired } = committed;
      const sessionToken = actor.token;
      actor.forgetHandshake();
      return {
        ok: true,
        facts: {
          sessionToken,
          user,
          pairingRequired,
          certificate,
          authority: this.#parts.accounts.authority,
          capabilities: grantedCapabilities(admission.hello),
          inbox: session.mode === 'confirmed' ? { confirmed, next, epoch, since } : undefined,
          resume: session.resumes
            ? { received: lane.received ?? 0, epoch, refused: lane.refusals }
            : undefined,
        },
      };
    } catch (error) {
      this.#parts.events.failed('establish', error);
      return this.#refused(number, actor, { refusal: 'storage failure', reason: 'storage' });
    }
  }

  begin(number: SessionNumber): void {
    const actor = this.#actors.get(number);
    if (actor?.is('acknowledging')) {
      actor.send('BEGUN');
      actor.session?.outbox?.begin();
    }
  }

  frame(number: SessionNumber, frame: Frame): void {
    const session = this.#actors.get(number)?.session;
    if (session?.open !== true) return;
    this.#parts.events.frameReceived(frame.type);
    this.#intake.take(session, frame);
  }

  taken(number: SessionNumber, mark: number): void {
    this.#actors.get(number)?.session?.outbox?.taken(mark);
  }

  received(number: SessionNumber, mark: number): void {
    this.#actors.get(number)?.session?.outbox?.received(mark);
  }

  writable(number: SessionNumber): void {
    this.#actors.get(number)?.session?.outbox?.pump();
  }

  closed(number: SessionNumber, reason: string): void {
    const actor = this.#actors.get(number);
    if (actor !== undefined) {
      actor.send('CLOSED');
      this.#actors.delete(number);
      const { session } = actor;
      // What it said before it went is still heard.
      if (session?.open === true) this.#intake.leave(session, () => this.#close(session, reason));
    }
  }

  /** A batch of posts, or a slice of it, is through: what it queued leaves now, and who had to wait is read again. */
  readonly endOfSlice = (): void => {
    this.#writes.flush();
    this.#intake.endOfSlice();
  };

  /** Resolves when all frames of the sessions that have gone are handled. */
  async settled(): Promise<void> {
    while (this.#intake.isLeaving) await new Promise<void>((resolve) => this.#parts.clock.soon(resolve));
  }

  /** A post is durable, for this many devices. */
  acknowledge(post: Post<Session | AbsentPoster>, stored: number | undefined): void {
    if (post.poster.number !== undefined) this.#parts.desk.acknowledgePost(post.poster, post, stored);
  }

  /** A post did not get into the log; `isPermanent`: and never will. */
  refusePost(post: Post<Session | AbsentPoster>, isPermanent: boolean): void {
    const { poster } = post;
    if (poster.number !== undefined && isPermanent) {
      this.#parts.desk.refuseTooLarge(poster, post);
    } else if (poster.number !== undefined) {
      this.#refuseForNow(poster, post, 'the frame is not stored; send it again later');
    }
  }

  /** Bytes came that are no frame: they are answered, and nothing behind them can be read. */
  decodeFailed(session: Session, payload: Uint8Array): void {
    this.#parts.links.send(session.number, FRAME.ERROR, 0, session.nextControlSequence(), payload);
    this.#drop(session, 'decode');
  }

  /** Neither throws nor rejects: what fails is answered. */
  #handle(session: Session, frame: Frame): Promise<void> | undefined {
    this.#frames ??= this.#dispatch(this);
    try {
      return this.#frames
        .handle(session, frame)
        ?.catch((error: unknown) => this.#frameFailed(session, frame, error));
    } catch (error) {
      this.#frameFailed(session, frame, error);
      return undefined;
    }
  }

  #frameFailed(session: Session, frame: Frame, error: unknown): void {
    this.#parts.events.failed(`frame type ${frame.type}`, error);
    this.#refuseForNow(session, frame, 'the request could not be stored; send it again later');
  }

  /** The log does not take a frame: nothing is said about the next try. */
  #refuseForNow(session: Session, frame: Omit<Frame, 'payload'>, detail: string): void {
    this.#parts.desk.refuse(session, frame, 'storage', detail);
    if (session.resumes && frameTypeOf(frame.type)?.durable === true) {
      // Later frames must not overtake the lost one: the client resumes from what the log has.
      this.#end(session, 'storage_unavailable', 'the log takes no frames at the moment');
    }
  }

  async #open(actor: SessionActor, hello: HelloFacts, user: Session['user']): Promise<Session | undefined> {
    const { mailboxes, presence, events } = this.#parts;
    const id = sessionTag(actor.token);
    const capabilities = grantedCapabilities(hello);
    const { session: number, generation, deviceId, pattern, noiseKeyVersion } = hello;
    await this.#journal.opened(id, {
      type: 'session.opened',
      device: deviceId,
      user: user.id,
      pattern,
      generation,
      capabilities,
      noiseKeyVersion,
    });
    if (!actor.is('committing')) {
      this.#journal.closed(id, deviceId, 'handshake_abandoned');
      return undefined;
    }
    const facts = { number, id, user, generation, capabilities };
    const session = new Session(facts, mailboxes.mailbox(deviceId), this.#writes.add);
    const older = this.#devices.get(deviceId);
    session.outbox = this.#outbox(session);
    session.mailbox.attach(session.outbox);
    this.#devices.set(deviceId, session);
    // After the new one is in place: a device that changes networks does not leave its calls.
    if (older !== undefined) {
      this.#actors.get(older.number)?.send('REPLACED');
      this.#end(older, 'replaced', 'this device has connected again');
    }
    this.#note(presence.online(deviceId, number, user));
    this.#parts.presenceRefresher.add(number, deviceId);
    actor.session = session;
    actor.send('COMMITTED');
    events.sessionOpened(id, session.plaintext);
    return session;
  }

  #outbox(session: Session): Outbox {
    const { links, log, outboxLimits } = this.#parts;
    return new Outbox(session.mailbox, session, links, log, outboxLimits, this.#outboxEvents);
  }

  /** Tells the peer why, ends the stream and cleans up. */
  #end(session: Session, code: 'replaced' | 'flooding' | 'storage_unavailable', detail: string): void {
    if (session.open) {
      const payload = errorPayload(code, detail);
      this.#parts.links.send(session.number, FRAME.ERROR, 0, session.nextControlSequence(), payload);
      this.#drop(session, code);
    }
  }

  #drop(session: Session, reason: string): void {
    const actor = this.#actors.get(session.number);
    actor?.send('FAILED');
    this.#actors.delete(session.number);
    this.#parts.links.end(session.number, reason);
    this.#close(session, reason);
  }

  #close(session: Session, reason: string): void {
    if (!session.open) return;
    session.open = false;
    this.#intake.forget(session);
    session.outbox?.close();
    if (session.mailbox.detach(session.outbox)) {
      this.#devices.delete(session.device);
      this.#parts.calls.disconnected(session.mailbox).catch((error: unknown) => {
        this.#parts.events.failed('disconnect', error);
      });
    }
    this.#parts.presenceRefresher.remove(session.number);
    this.#note(this.#parts.presence.offline(session.device, session.number));
    this.#parts.events.sessionClosed(session.id, session.plaintext, reason);
    this.#journal.closed(session.id, session.device, reason);
  }

  /** Presence is a courtesy: nothing waits for it, and its failure only reaches the log file. */
  #note(done: Promise<void>): void {
    done.catch((error: unknown) => this.#parts.events.failed('presence', error));
  }

  #refused(
    number: SessionNumber,
    actor: SessionActor,
    refusal: Pick<Extract<Resolution, { ok: false }>, 'refusal' | 'reason'>,
  ): Extract<Resolution, { ok: false }> {
    actor.send('REFUSED');
    this.#actors.delete(number);
    return { ok: false, refusal: refusal.refusal, reason: refusal.reason };
  }
}
