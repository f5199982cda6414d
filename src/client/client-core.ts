import type { ByteArena } from '../protocol/byte-arena.ts';
import { utf8 } from '../protocol/bytes.ts';
import type { Frame } from '../protocol/frames/frame.ts';
import { FRAME, frameTypeOf } from '../protocol/frames/frame-types.ts';
import type { JsonObject } from '../protocol/json/json.ts';
import { serialAfter, serialBefore, serialNext } from '../protocol/serial.ts';
import { type ClientOptions, DEFAULTS } from './client-options.ts';
import type { StateKeeper } from './device/state-keeper.ts';
import type { ClientEvents } from './mail/client-events.ts';
import { Confirmer } from './mail/confirmer.ts';
import type { Inbox } from './mail/inbox.ts';
import { emitLive, farewellOf, refusalOf } from './mail/incoming.ts';
import { Outbound, type OutboundLimits, type Resumption } from './mail/outbound.ts';
import { acknowledgementOf, plainAckOf } from './mail/receipt.ts';
import { UpstreamSequence } from './mail/upstream-sequence.ts';
import { Connection, type ConnectionEvents } from './session/connection.ts';
import { Dialer } from './session/dialer.ts';
import {
  ClientHandshake,
  type EstablishedStep,
  type HandshakeSettings,
  type SessionFacts,
} from './session/handshake.ts';
import type { InboxFacts } from './session/session-facts.ts';
import { ClientError } from './values/client-error.ts';
import type { Emitter } from './values/emitter.ts';
import { objectOf, serialMember } from './values/wire-values.ts';

export interface ClientCoreParts {
  readonly options: ClientOptions;
  readonly settings: HandshakeSettings;
  readonly limits: OutboundLimits;
  readonly keeper: StateKeeper;
  readonly inbox: Inbox;
  readonly emitter: Emitter<ClientEvents>;
  readonly arena: ByteArena;
  /** A session is established. */
  readonly connected: () => void;
  /** The session is gone; another attempt follows. */
  readonly retrying: () => void;
  /** No further session follows. */
  readonly gaveUp: (reason: ClientError) => void;
}

/**
 * What every server answers and what changes nothing: LEAVE of channel 0, which `join` refuses (PROTOCOL.md 5.5, 6.3).
 */
const QUESTION = utf8('{}');

/** Wires what goes up, what comes down, the store, and the connection that changes under them. */
export class ClientCore {
  readonly outbound: Outbound;
  readonly confirmer: Confirmer;
  readonly dialer: Dialer;
  readonly #parts: ClientCoreParts;
  #connection: Connection | undefined;
  #session: SessionFacts | undefined;
  #presence: Uint8Array | undefined;
  #crowded = false;

  constructor(parts: ClientCoreParts) {
    this.#parts = parts;
    const { keeper, emitter } = parts;
    const { clock, random, reconnect = {} } = parts.options;
    const sequence = new UpstreamSequence(keeper.state.sequence, (through) =>
      this.#keep({ sequence: through }),
    );
    this.outbound = new Outbound(parts.limits, sequence, (_channel, error) => emitter.emit('error', error));
    this.confirmer = new Confirmer({
      kept: keeper.state.processed,
      clock,
      keep: (processed) => keeper.update({ processed }),
      confirm: (processed) => this.outbound.confirm(processed),
      failed: (cause) => this.#storeFailed(cause),
    });
    this.dialer = new Dialer(
      {
        clock,
        random,
        reconnect,
        known: keeper.state.device.userId !== undefined,
        create: (events) => this.#createConnection(events),
      },
      {
        established: (step, connection) => this.#established(step, connection),
        frame: (frame) => this.#receive(frame),
        silent: () => this.outbound.cast(FRAME.LEAVE, 0, QUESTION),
        retrying: (reason, delay) => this.#retrying(reason, delay),
        gaveUp: (reason) => this.#gaveUp(reason),
      },
    );
  }

  /** The current session, or the last one. */
  get session(): SessionFacts | undefined {
    return this.#session;
  }

  get hasConnection(): boolean {
    return this.#connection !== undefined;
  }

  get deviceId(): string {
    return this.#parts.keeper.state.device.deviceId;
  }

  /** Sends a frame that is not worth waiting for; false when it was dropped. */
  cast(type: number, channel: number, payload: Uint8Array): boolean {
    const limit = this.#parts.options.maxLiveBacklog ?? DEFAULTS.maxLiveBacklog;
    if (this.#connection === undefined || this.#connection.backlog > limit) return false;
    return this.outbound.cast(type, channel, payload);
  }

  /** Publishes a presence, now and in every later session. */
  present(payload: Uint8Array): void {
    this.#presence = payload;
    this.outbound.cast(FRAME.PRESENCE, 0, payload);
  }

  /** Whether the peer has to wait because nobody takes what it sent. */
  setCrowded(crowded: boolean): void {
    this.#crowded = crowded;
    if (crowded) this.#connection?.pause();
    else this.#connection?.resume();
  }

  /** Drops everything; what waits for an answer is rejected. */
  stop(reason: ClientError): void {
    this.#connection = undefined;
    this.dialer.stop();
    this.outbound.fail(reason);
  }

  #createConnection(events: ConnectionEvents): Connection {
    const { options, settings, keeper, arena } = this.#parts;
    const { transport, clock, random, backend, connectTimeout, handshakeTimeout } = options;
    const { device, authority, ticket } = keeper.state;
    const parts = {
      transport,
      handshake: new ClientHandshake({ settings, device, authority, backend, random }),
      clock,
      arena,
      ticket,
      connectTimeoutMs: connectTimeout ?? DEFAULTS.connectTimeout,
      handshakeTimeoutMs: handshakeTimeout ?? DEFAULTS.handshakeTimeout,
    };
    return new Connection(parts, events);
  }

  #established({ facts, issued }: EstablishedStep, connection: Connection): void {
    const { keeper, emitter, connected, inbox } = this.#parts;
    const resumed = this.#session !== undefined;
    this.#session = facts;
    this.#connection = connection;
    const { device } = keeper.state;
    const certificate = issued.certificate ?? device.certificate;
    const { authority, ticket = keeper.state.ticket } = issued;
    this.#keep({ device: { ...device, userId: facts.userId, certificate }, authority, ticket });
    if (this.#crowded) connection.pause();
    this.outbound.attach(connection, resumptionOf(facts));
    if (this.#presence !== undefined) this.outbound.cast(FRAME.PRESENCE, 0, this.#presence);
    if (facts.inbox !== undefined) this.#startInbox(facts.inbox);
    connected();
    emitter.emit('connected', { session: facts, resumed });
    inbox.hurry();
  }

  /** Agrees with the server on where its mail begins. */
  #startInbox({ confirmed, next, epoch, since }: InboxFacts): void {
    const { inbox, keeper, emitter } = this.#parts;
    const previous = keeper.state.epoch;
    if (epoch !== undefined && epoch !== previous) {
      // Without `since` nothing tells which numbers the histories have in common: only what is confirmed is sure.
      const first = since ?? serialNext(confirmed);
      if (previous === undefined) this.#keep({ epoch });
      else this.#startOver(serialBefore(first), epoch);
      if (previous !== undefined) emitter.emit('history', { previous, epoch, since: first });
    }
    const known = inbox.taken ?? keeper.state.processed;
    if (known !== undefined && !serialAfter(next, known)) {
      // Numbers that it has not given out: waiting for later ones would drop every message until then.
      this.#startOver(confirmed, epoch);
      const text = `the store has processed inbox number ${known}, the server goes on with ${next}`;
      emitter.emit('error', new ClientError('CLIENT_INBOX_RESET', text));
      return;
    }
    if (inbox.taken === undefined) inbox.start(known ?? confirmed);
    // The confirmation was lost with its connection.
    const { kept } = this.confirmer;
    if (kept !== undefined && serialAfter(kept, confirmed)) this.outbound.confirm(kept);
  }

  /** The inbox numbers behind `last` are those of another history: kept in one write with its name. */
  #startOver(last: number, epoch: string | undefined): void {
    const { inbox, keeper } = this.#parts;
    const processed = this.confirmer.startOver(last);
    if (inbox.taken !== undefined) inbox.startOver(last);
    else if (processed !== undefined) inbox.start(processed);
    this.#keep({ processed, epoch: epoch ?? keeper.state.epoch });
  }

  #receive(frame: Frame): void {
    const { type, channel, sequence, payload } = frame;
    if (type === FRAME.ACK) this.#receiveAck(frame);
    else if (type === FRAME.ERROR) this.#receiveError(objectOf(frame));
    else if (frameTypeOf(type)?.durable !== true) emitLive(this.#parts.emitter, frame);
    else this.#parts.inbox.offer(type, channel, this.#session?.inbox && sequence, payload);
  }

  #receiveAck(frame: Frame): void {
    const acknowledgement = plainAckOf(frame.payload) ?? acknowledgementOf(objectOf(frame));
    const { ack } = acknowledgement;
    if (ack !== undefined && this.outbound.acknowledged(ack, acknowledgement)) this.dialer.achieved();
  }

  #receiveError(body: JsonObject): void {
    const { emitter } = this.#parts;
    const sequence = serialMember(body, 'ack');
    const from = serialMember(body, 'from');
    const to = serialMember(body, 'to');
    if (sequence !== undefined) {
      const error = refusalOf(body);
      const outcome = this.outbound.refused(sequence, error);
      if (outcome === 'unknown') emitter.emit('error', error);
      if (outcome === 'reconnect') this.dialer.drop(error);
    } else if (body.error === 'expired' && from !== undefined && to !== undefined) {
      emitter.emit('expired', { from, to });
    } else {
      const farewell = farewellOf(body);
      if (farewell !== undefined) this.dialer.expectEnd(farewell);
      emitter.emit('error', farewell ?? refusalOf(body));
    }
  }

  #retrying(reason: ClientError, delay: number): void {
    this.#connection = undefined;
    this.outbound.detach();
    this.#parts.retrying();
    this.#parts.emitter.emit('disconnected', { reason, willRetry: true, delay });
  }

  #gaveUp(reason: ClientError): void {
    this.#connection = undefined;
    this.outbound.detach();
    this.#parts.emitter.emit('disconnected', { reason, willRetry: false, delay: undefined });
    this.#parts.gaveUp(reason);
  }

  #keep(change: Parameters<StateKeeper['update']>[0]): void {
    try {
      this.#parts.keeper.update(change)?.catch((cause: unknown) => this.#storeFailed(cause));
    } catch (cause) {
      this.#storeFailed(cause);
    }
  }

  #storeFailed(cause: unknown): void {
    this.#parts.emitter.emit('error', new ClientError('CLIENT_STORE', 'the device store failed', { cause }));
  }
}

/** What the handshake's ACK tells about frames of former sessions. */
function resumptionOf({ resume }: SessionFacts): Resumption | undefined {
  if (resume === undefined) return undefined;
  const { received, refused } = resume;
  return {
    received,
    refused: new Map(refused.map(({ sequence, error }) => [sequence, refusalOf({ error })])),
  };
}
