import { type Actor, createActor } from 'xstate';
import type { Recipient } from '../../delivery/downstream.ts';
import type { Deque } from '../../delivery/mailboxes/deque.ts';
import type { Mailbox } from '../../delivery/mailboxes/mailbox.ts';
import type { Outbox } from '../../delivery/outbox.ts';
import type { Post, Poster } from '../../delivery/post.ts';
import type { Frame } from '../../protocol/frames/frame.ts';
import type { JsonInput } from '../../protocol/json/json-writer.ts';
import { isReadableByOlderClient } from '../../protocol/older/older-client.ts';
import type { Generation, SessionNumber, UserSnapshot } from '../../relay-port/relay-port.ts';
import type { Admission } from '../accounts/accounts.ts';
import { Refusal } from './refusal.ts';
import { sessionMachine } from './session-machine.ts';

const EVERYTHING = (): boolean => true;

export interface SessionFacts {
  readonly number: SessionNumber;
  /** Hash of the token: what logs and events call the session. */
  readonly id: string;
  readonly user: UserSnapshot;
  readonly generation: Generation;
  readonly capabilities: readonly string[];
}

/** How a session ends that the relay ends: what its peer is told, by the codes of PROTOCOL.md 9.2. */
export type Ending = 'replaced' | 'flooding' | 'storage_unavailable' | 'decode';

/** What answers the frames of sessions. */
export interface SessionReplies {
  /** @param fields what the ACK says beyond the numbers */
  posted(session: Session, post: Post, stored: number, fields?: Readonly<Record<string, JsonInput>>): void;
  refuse(session: Session, frame: Pick<Frame, 'type' | 'channel' | 'sequence'>, refusal: Refusal): void;
}

/** What all sessions share: one object, because an idle session should cost little. */
export interface SessionKeeper {
  readonly replies: SessionReplies;
  /** Something is queued for the session that was not dirty before. */
  dirtied(session: Session): void;
  end(session: Session, code: Ending, detail: string): void;
}

/** An established session: the sender of its frames and the recipient of its device's mail. */
export class Session implements Poster, Recipient {
  readonly number: SessionNumber;
  readonly id: string;
  readonly user: UserSnapshot;
  readonly plaintext: boolean;
  readonly mailbox: Mailbox;
  readonly resumes: boolean;
  readonly mode: 'confirmed' | 'taken';
  /** It has an extension (PROTOCOL.md 11), so its ACKs say for how many devices a frame was stored. */
  readonly isTold: boolean;
  readonly canRead: (type: number, payload: Uint8Array) => boolean;
  /**
   * Frames go through; false from the moment in which the session starts to end. What is in work then is not posted any
   * more: its client sends it again.
   */
  open = true;
  outbox: Outbox | undefined;
  /** A frame is being handled: the next one waits for it. */
  busy = false;
  /** Frames that wait for an earlier one, for the disk or for their turn; `undefined` when none does. */
  waiting: Deque<Frame> | undefined;
  waitingBytes = 0;
  /** The last turn of the event loop that had frames of the session, how many, and about when the first; see `Intake`. */
  turn = -1;
  handled = 0;
  since = 0;
  dirty = false;
  /** The link does not read from the peer. */
  held = false;
  readonly #keeper: SessionKeeper;
  /** AUTH was 1, the handshake ACK 2. */
  #controlSequence = 2;
  #relaySequence = 0;

  constructor(facts: SessionFacts, mailbox: Mailbox, keeper: SessionKeeper) {
    this.number = facts.number;
    this.id = facts.id;
    this.user = facts.user;
    this.mailbox = mailbox;
    this.plaintext = facts.generation === 'plaintext';
    this.resumes = facts.capabilities.includes('resume');
    this.mode = facts.capabilities.includes('delivery-ack') ? 'confirmed' : 'taken';
    this.isTold = this.resumes || this.mode === 'confirmed';
    this.canRead = this.plaintext ? isReadableByOlderClient : EVERYTHING;
    this.#keeper = keeper;
  }

  get device(): string {
    return this.mailbox.device;
  }

  nextControlSequence(): number {
    this.#controlSequence = (this.#controlSequence + 1) >>> 0;
    return this.#controlSequence;
  }

  nextRelaySequence(): number {
    this.#relaySequence = (this.#relaySequence + 1) >>> 0;
    return this.#relaySequence;
  }

  /** @param fields what the ACK says beyond the numbers */
  posted(post: Post, stored: number, fields?: Readonly<Record<string, JsonInput>>): void {
    this.#keeper.replies.posted(this, post, stored, fields);
  }

  refused(post: Post, forGood: boolean): void {
    this.#keeper.replies.refuse(this, post, Refusal.ofLog(forGood));
  }

  /** Tells the peer why and ends the session. */
  end(code: Ending, detail = ''): void {
    this.#keeper.end(this, code, detail);
  }

  markDirty(): void {
    if (!this.dirty) {
      this.dirty = true;
      this.#keeper.dirtied(this);
    }
  }
}

/** What is left of the actor of a session that is established: its machine has no context, so all of them are alike. */
const ESTABLISHED = sessionMachine.resolveState({ value: 'established' });

/**
 * The XState actor of a session, from the HELLO on, and what it carries between the steps of the handshake. Once the session
 * is established the actor is dropped, to be brought back for the event that ends it: idle sessions are many.
 */
export class SessionActor {
  #actor: Actor<typeof sessionMachine> | undefined = createActor(sessionMachine).start();
  /** Between `resolve` and `establish`. */
  admission: Admission | undefined;
  token = '';
  /** From `establish` on. */
  session: Session | undefined;

  /** The session is open: what only its handshake needed goes, the token first of all. */
  forgetHandshake(): void {
    this.admission = undefined;
    this.token = '';
  }

  is(state: 'resolving' | 'awaitingProof' | 'committing' | 'acknowledging' | 'established'): boolean {
    return (this.#actor?.getSnapshot() ?? ESTABLISHED).matches(state);
  }

  send(
    type: 'RESOLVED' | 'PROVED' | 'COMMITTED' | 'BEGUN' | 'REFUSED' | 'REPLACED' | 'FAILED' | 'CLOSED',
  ): void {
    const actor = this.#actor ?? createActor(sessionMachine, { snapshot: ESTABLISHED }).start();
    actor.send({ type });
    this.#actor = actor.getSnapshot().matches('established') ? undefined : actor;
  }
}
