import type { EventLog } from '../log/event-log.ts';
import type { Clock, Random } from '../ports/ports.ts';
import { toHex } from '../protocol/bytes.ts';
import type { Frame } from '../protocol/frames/frame.ts';
import type {
  EstablishedFacts,
  Establishment,
  HelloFacts,
  RelayPort,
  Resolution,
  SessionNumber,
} from '../relay-port/relay-port.ts';
import type { Accounts, Committed } from './accounts/accounts.ts';
import type { RelayEvents } from './runtime/relay-events.ts';
import { grantedCapabilities } from './sessions/capabilities.ts';
import type { Intake } from './sessions/intake.ts';
import type { Session, SessionActor } from './sessions/session.ts';
import type { Sessions } from './sessions/sessions.ts';

const TOKEN_BYTES = 32;
/** The connection has gone meanwhile: nobody hears this. */
const CLOSED = { ok: false, refusal: 'invalid request', reason: 'closed' } as const;
const NOT_STORED = { refusal: 'storage failure', reason: 'storage' } as const;

type Refused = Extract<Resolution, { ok: false }>;

export interface RelayParts {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly accounts: Accounts;
  readonly sessions: Sessions;
  readonly intake: Intake;
  readonly events: RelayEvents;
}

/** The relay's side of the gateway's port: handshakes, and what comes from established sessions. */
export class Relay implements RelayPort {
  readonly #parts: RelayParts;

  constructor(parts: RelayParts) {
    this.#parts = parts;
  }

  async resolve(hello: HelloFacts): Promise<Resolution> {
    const { accounts, events, random, sessions } = this.#parts;
    const actor = sessions.begin(hello.session);
    try {
      const resolved = await accounts.resolve(hello);
      if (!actor.is('resolving')) return CLOSED;
      if (!resolved.ok) return this.#refuse(hello.session, actor, resolved);
      actor.admission = resolved.admission;
      actor.token = toHex(random.bytes(TOKEN_BYTES));
      actor.send('RESOLVED');
      return { ok: true, sessionToken: actor.token, user: resolved.admission.user };
    } catch (error) {
      events.failed('resolve', error);
      return this.#refuse(hello.session, actor, NOT_STORED);
    }
  }

  async establish(number: SessionNumber): Promise<Establishment> {
    const { accounts, events, sessions } = this.#parts;
    const actor = sessions.actor(number);
    const admission = actor?.admission;
    if (actor === undefined || admission === undefined || !actor.is('awaitingProof')) return CLOSED;
    actor.send('PROVED');
    try {
      const committed = await accounts.commit(admission);
      if (!committed.ok) return this.#refuse(number, actor, committed);
      const { hello } = admission;
      const session = await sessions.open(actor, hello, committed.user);
      if (session === undefined) return CLOSED;
      // What an older session of the device has left in work is stored or refused before this one begins.
      await session.mailbox.lane.quiet();
      if (!actor.is('acknowledging')) return CLOSED;
      const facts = this.#factsOf(session, actor.token, hello, committed);
      actor.forgetHandshake();
      return { ok: true, facts };
    } catch (error) {
      events.failed('establish', error);
      return this.#refuse(number, actor, NOT_STORED);
    }
  }

  begin(number: SessionNumber): void {
    const actor = this.#parts.sessions.actor(number);
    if (actor?.is('acknowledging')) {
      actor.send('BEGUN');
      actor.session?.outbox?.begin();
    }
  }

  frame(number: SessionNumber, frame: Frame): void {
    const { events, intake, sessions } = this.#parts;
    const session = sessions.session(number);
    if (session?.open !== true) return;
    events.frameReceived(frame.type);
    intake.take(session, frame);
  }

  taken(number: SessionNumber, mark: number): void {
    this.#parts.sessions.session(number)?.outbox?.taken(mark);
  }

  received(number: SessionNumber, mark: number): void {
    this.#parts.sessions.session(number)?.outbox?.received(mark);
  }

  writable(number: SessionNumber): void {
    this.#parts.sessions.session(number)?.outbox?.pump();
  }

  closed(number: SessionNumber, reason: string): void {
    this.#parts.sessions.closed(number, reason);
  }

  /** Resolves when all frames of the sessions that have gone are handled. */
  async settled(): Promise<void> {
    const { clock, intake } = this.#parts;
    while (intake.isLeaving) await new Promise<void>((resolve) => clock.soon(resolve));
  }

  #factsOf(
    session: Session,
    sessionToken: string,
    hello: HelloFacts,
    { user, certificate, pairingRequired }: Extract<Committed, { ok: true }>,
  ): EstablishedFacts {
    const { epoch } = this.#parts.log;
    const { confirmed, next, since, lane } = session.mailbox;
    return {
      sessionToken,
      user,
      pairingRequired,
      certificate,
      authority: this.#parts.accounts.authority,
      capabilities: grantedCapabilities(hello),
      inbox: session.mode === 'confirmed' ? { confirmed, next, epoch, since } : undefined,
      resume: session.resumes ? { received: lane.received ?? 0, epoch, refused: lane.refusals } : undefined,
    };
  }

  #refuse(
    number: SessionNumber,
    actor: SessionActor,
    { refusal, reason }: Pick<Refused, 'refusal' | 'reason'>,
  ): Refused {
    this.#parts.sessions.refuse(number, actor);
    return { ok: false, refusal, reason };
  }
}
