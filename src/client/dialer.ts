import type { Frame } from '../protocol/frame.ts';
import type { CancelTimer, Clock, Random } from '../protocol/ports.ts';
import { backoffDelay, type ReconnectOptions } from './backoff.ts';
import type { ClientError } from './client-error.ts';
import type { Connection, ConnectionEvents } from './connection.ts';
import type { SessionFacts } from './handshake.ts';

export interface DialerEvents {
  established(facts: SessionFacts, connection: Connection): void;
  frame(frame: Frame): void;
  /** The session's peer has been silent: send something that it answers. */
  silent(): void;
  /** A session, or an attempt, has ended and the next attempt comes in `delay` milliseconds. */
  retrying(reason: ClientError, delay: number): void;
  /** The last call: no further attempt is made. */
  gaveUp(reason: ClientError): void;
}

export interface DialerParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly reconnect: ReconnectOptions | false;
  /** A connection that has not started. @throws ClientError when there can be none */
  readonly create: (events: ConnectionEvents) => Connection;
}

/** A session that lived this long, or got an answer, shows that the server is well: the delays start over. */
const STABLE_MS = 10_000;
/**
 * A server that stops or is overloaded may answer with a text that also means "never": a device that was let in before
 * asks this many times before it believes it.
 */
const REFUSALS = 3;

/** Keeps one connection up: opens it, and opens the next one when it has ended, with full jitter. */
export class Dialer {
  readonly #parts: DialerParts;
  readonly #events: DialerEvents;
  #connection: Connection | undefined;
  #cancelRetry: CancelTimer | undefined;
  #attempt = 0;
  #refusals = 0;
  #letIn = false;
  #establishedAt: number | undefined;
  #farewell: ClientError | undefined;
  #stopped = false;

  constructor(parts: DialerParts, events: DialerEvents) {
    this.#parts = parts;
    this.#events = events;
  }

  /** Opens a connection. */
  dial(): void {
    if (this.#stopped) return;
    this.#cancelRetry = undefined;
    this.#establishedAt = undefined;
    this.#farewell = undefined;
    const connection = this.#parts.create({
      established: (facts) => {
        this.#letIn = true;
        this.#refusals = 0;
        this.#establishedAt = this.#parts.clock.monotonic();
        this.#events.established(facts, connection);
      },
      frame: (frame) => this.#events.frame(frame),
      silent: () => this.#events.silent(),
      closed: (error) => this.#ended(error),
    });
    this.#connection = connection;
    connection.start();
  }

  /** The server has answered a frame. */
  proveStable(): void {
    this.#attempt = 0;
  }

  /** The server has said why it is going to end the connection. */
  expectEnd(reason: ClientError): void {
    this.#farewell = reason;
  }

  /** Drops the connection, if there is one, as if it had broken. */
  drop(reason: ClientError): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    connection.destroy();
    this.#ended(reason);
  }

  /** Makes the attempt that is due later now. */
  hurry(): void {
    if (this.#cancelRetry === undefined || this.#stopped) return;
    this.#cancelRetry();
    this.dial();
  }

  /** Ends our direction; `gaveUp` follows. */
  end(): void {
    this.#stopped = true;
    this.#cancelRetry?.();
    this.#connection?.end();
  }

  /** Drops everything without any further call. */
  stop(): void {
    this.#stopped = true;
    this.#cancelRetry?.();
    this.#connection?.destroy();
    this.#connection = undefined;
  }

  #ended(error: ClientError): void {
    this.#connection = undefined;
    const reason = this.#farewell ?? error;
    const { clock, random, reconnect } = this.#parts;
    if (this.#establishedAt !== undefined && clock.monotonic() - this.#establishedAt >= STABLE_MS)
      this.#attempt = 0;
    if (this.#stopped || reconnect === false || !this.#mayRetry(reason, reconnect)) {
      this.#stopped = true;
      this.#events.gaveUp(reason);
      return;
    }
    const delay = Math.max(backoffDelay(random, this.#attempt, reconnect), reason.retryAfterMs ?? 0);
    this.#attempt += 1;
    this.#cancelRetry = clock.after(delay, () => this.dial());
    this.#events.retrying(reason, delay);
  }

  #mayRetry(reason: ClientError, reconnect: ReconnectOptions): boolean {
    if (!this.#letIn && reconnect.first !== true) return false;
    if (reason.retryable) return true;
    if (reason.code !== 'CLIENT_HANDSHAKE_REFUSED' || !this.#letIn) return false;
    this.#refusals += 1;
    return this.#refusals < REFUSALS;
  }
}
