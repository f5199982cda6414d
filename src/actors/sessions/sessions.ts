import type { CursorKeeper } from '../../delivery/mailboxes/cursor-keeper.ts';
import type { Mailbox } from '../../delivery/mailboxes/mailbox.ts';
import type { Mailboxes } from '../../delivery/mailboxes/mailboxes.ts';
import { Outbox, type OutboxEvents, type OutboxLimits } from '../../delivery/outbox.ts';
import type { EventLog } from '../../log/event-log.ts';
import type { Presence, PresenceRefresher } from '../../presence/index.ts';
import { decodeErrorPayload, errorPayload } from '../../protocol/frames/errors.ts';
import { FRAME } from '../../protocol/frames/frame-types.ts';
import type { HelloFacts, LinkPort, SessionNumber } from '../../relay-port/relay-port.ts';
import { sessionTag } from '../../telemetry/index.ts';
import type { RelayEvents } from '../runtime/relay-events.ts';
import { grantedCapabilities } from './capabilities.ts';
import type { Intake } from './intake.ts';
import type { PendingWrites } from './pending-writes.ts';
import { type Ending, Session, SessionActor, type SessionKeeper, type SessionReplies } from './session.ts';
import type { SessionJournal } from './session-journal.ts';

export interface SessionsParts {
  readonly journal: SessionJournal;
  readonly log: EventLog;
  readonly links: LinkPort;
  readonly mailboxes: Mailboxes;
  readonly cursors: CursorKeeper;
  readonly writes: PendingWrites;
  readonly intake: Intake;
  readonly replies: SessionReplies;
  readonly presence: Presence;
  readonly refresher: PresenceRefresher;
  /** Hears that a device has no session any more. */
  readonly calls: { disconnected(mailbox: Mailbox): Promise<void> };
  readonly events: RelayEvents;
  readonly outbox: OutboxLimits;
}

/** All sessions, from HELLO to their end. A device has one that is live: a newer one replaces it (PROTOCOL.md 7.7). */
export class Sessions {
  readonly #parts: SessionsParts;
  readonly #actors = new Map<SessionNumber, SessionActor>();
  /** The live session of each device. */
  readonly #devices = new Map<string, Session>();
  readonly #keeper: SessionKeeper;
  readonly #outboxEvents: OutboxEvents;

  constructor(parts: SessionsParts) {
    this.#parts = parts;
    const { cursors, events, replies, writes } = parts;
    this.#keeper = {
      replies,
      dirtied: writes.add,
      end: (session, code, detail) => this.#end(session, code, detail),
    };
    this.#outboxEvents = {
      released: (letters, mailbox) => {
        events.delivered(letters.length);
        cursors.released(letters, mailbox);
      },
      delivered: (type, again) => events.sent(type, again),
      withheld: (type) => events.withheld(type),
      failed: (error, number) => {
        events.failed('outbox', error);
        this.session(number)?.end('storage_unavailable', 'stored frames cannot be read at the moment');
      },
    };
  }

  /** Devices with a live session. */
  get live(): number {
    return this.#devices.size;
  }

  /** HELLO has come. */
  begin(number: SessionNumber): SessionActor {
    const actor = new SessionActor();
    this.#actors.set(number, actor);
    return actor;
  }

  actor(number: SessionNumber): SessionActor | undefined {
    return this.#actors.get(number);
  }

  session(number: SessionNumber): Session | undefined {
    return this.#actors.get(number)?.session;
  }

  /** The handshake is refused. */
  refuse(number: SessionNumber, actor: SessionActor): void {
    actor.send('REFUSED');
    this.#actors.delete(number);
  }

  /** Opens the session in the log, in place of an older one of its device. Undefined when the peer has gone meanwhile. */
  async open(actor: SessionActor, hello: HelloFacts, user: Session['user']): Promise<Session | undefined> {
    const { events, journal, mailboxes, presence, refresher } = this.#parts;
    const id = sessionTag(actor.token);
    const capabilities = grantedCapabilities(hello);
    const { session: number, generation, deviceId, pattern, noiseKeyVersion } = hello;
    await journal.opened(id, {
      type: 'session.opened',
      device: deviceId,
      user: user.id,
      pattern,
      generation,
      capabilities,
      noiseKeyVersion,
    });
    if (!actor.is('committing')) {
      journal.closed(id, deviceId, 'handshake_abandoned');
      return undefined;
    }
    const facts = { number, id, user, generation, capabilities };
    const session = new Session(facts, mailboxes.mailbox(deviceId), this.#keeper);
    const older = this.#devices.get(deviceId);
    this.#attach(session);
    // After the new one is in place: a device that changes networks does not leave its calls.
    if (older !== undefined) {
      this.#actors.get(older.number)?.send('REPLACED');
      older.end('replaced', 'this device has connected again');
    }
    this.#note(presence.online(deviceId, number, user));
    refresher.add(number, deviceId);
    actor.session = session;
    actor.send('COMMITTED');
    events.sessionOpened(id, session.plaintext);
    return session;
  }

  /** The link is gone. What came from it before is still handled. */
  closed(number: SessionNumber, reason: string): void {
    const actor = this.#actors.get(number);
    if (actor === undefined) return;
    actor.send('CLOSED');
    this.#actors.delete(number);
    const { session } = actor;
    if (session?.open === true) this.#parts.intake.leave(session, () => this.#close(session, reason));
  }

  #attach(session: Session): void {
    const { links, log, outbox } = this.#parts;
    session.outbox = new Outbox(session.mailbox, session, links, log, outbox, this.#outboxEvents);
    session.mailbox.attach(session.outbox);
    this.#devices.set(session.device, session);
  }

  /** Tells the peer why, ends the stream and cleans up. */
  #end(session: Session, code: Ending, detail: string): void {
    if (!session.open) return;
    const { links } = this.#parts;
    const { number } = session;
    const payload = code === 'decode' ? decodeErrorPayload() : errorPayload(code, detail);
    links.send(number, FRAME.ERROR, 0, session.nextControlSequence(), payload);
    this.#actors.get(number)?.send('FAILED');
    this.#actors.delete(number);
    links.end(number, code);
    this.#close(session, code);
  }

  #close(session: Session, reason: string): void {
    if (!session.open) return;
    session.open = false;
    const { calls, events, intake, journal, presence, refresher } = this.#parts;
    const { device, id, mailbox, number, outbox, plaintext } = session;
    intake.forget(session);
    outbox?.close();
    if (mailbox.detach(outbox)) {
      this.#devices.delete(device);
      calls.disconnected(mailbox).catch((error: unknown) => events.failed('disconnect', error));
    }
    refresher.remove(number);
    this.#note(presence.offline(device, number));
    events.sessionClosed(id, plaintext, reason);
    journal.closed(id, device, reason);
  }

  /** Presence is a courtesy: nothing waits for it, and its failure only reaches the log file. */
  #note(done: Promise<void>): void {
    done.catch((error: unknown) => this.#parts.events.failed('presence', error));
  }
}
