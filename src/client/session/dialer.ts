import type { CancelTimer, Clock, Random } from '../../ports/ports.ts';
import type { Frame } from '../../protocol/frames/frame.ts';
import { ClientError, type ClientErrorCode } from '../values/client-error.ts';
import { textOf } from '../values/client-failures.ts';
import { askedDelay, backoffDelay, type ReconnectOptions, waryDelay } from './backoff.ts';
import type { Connection, ConnectionEvents } from './connection.ts';
import type { EstablishedStep } from './handshake.ts';

export interface DialerEvents {
  established(step: EstablishedStep, connection: Connection): void;
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
  /** A server has let this device in before. */
  readonly known: boolean;
  /** A connection that has not started. @throws ClientError when there can be none */
  readonly create: (events: ConnectionEvents) => Connection;
}

/** A session that lived this long has achieved something, and the delays start over. */
const STABLE_MS = 10_000;
/**
 * What ends a client whatever has been before: the caller's own doing, and what the server says inside of an encrypted
 * session. Everything else may be said by whoever stands between the client and its server.
 */
const FINAL: ReadonlySet<ClientErrorCode> = new Set([
  'CLIENT_ABORTED',
  'CLIENT_CLOSED',
  'CLIENT_OPTIONS',
  'CLIENT_REPLACED',
  'CLIENT_REVOKED',
]);

/** Keeps one connection up: opens it, and opens the next one when it has ended, with full jitter. */
export class Dialer {
  readonly #parts: DialerParts;
  readonly #events: DialerEvents;
  #connection: Connection | undefined;
  #cancelRetry: CancelTimer | undefined;
  /** Attempts since something was achieved. */
  #attempt = 0;
  /** Attempts in a row that failed by what looks like a final answer. */
  #refusals = 0;
  #known: boolean;
  /** Whether this client has had a session. */
  #letIn = false;
  #establishedAt: number | undefined;
  #farewell: ClientError | undefined;
  #stopped = false;

  constructor(parts: DialerParts, events: DialerEvents) {
    this.#parts = parts;
    this.#events = events;
    this.#known = parts.known;
  }

  /** Opens a connection. */
  dial(): void {
    if (this.#stopped) return;
    this.#cancelRetry = undefined;
    this.#establishedAt = undefined;
    this.#farewell = undefined;
    try {
      const connection = this.#parts.create({
        established: (step) => {
          this.#letIn = true;
          this.#known = true;
          this.#refusals = 0;
          this.#establishedAt = this.#parts.clock.monotonic();
          this.#events.established(step, connection);
        },
        frame: (frame) => this.#events.frame(frame),
        silent: () => this.#events.silent(),
        closed: (error) => this.#ended(error),
      });
      this.#connection = connection;
      connection.start();
    } catch (cause) {
      this.#ended(
        new ClientError('CLIENT_OPTIONS', `there can be no connection: ${textOf(cause)}`, { cause }),
      );
    }
  }

  /** The server has done what it was asked for, and kept it. Joining again, or talking, is nothing of that kind. */
  achieved(): void {
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

  /** Ends our direction; `gaveUp` follows with this reason. */
  end(reason: ClientError): void {
    this.#stopped = true;
    this.#farewell = reason;
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
    const { clock, reconnect } = this.#parts;
    if (this.#establishedAt !== undefined && clock.monotonic() - this.#establishedAt >= STABLE_MS) {
      this.#attempt = 0;
    }
    if (this.#stopped || reconnect === false || !this.#mayRetry(reason, reconnect)) {
      this.#stopped = true;
      this.#events.gaveUp(reason);
      return;
    }
    const delay = this.#delayAfter(reason, reconnect);
    this.#cancelRetry = clock.after(delay, () => this.dial());
    this.#events.retrying(reason, delay);
  }

  #delayAfter(reason: ClientError, reconnect: ReconnectOptions): number {
    const { random } = this.#parts;
    if (reason.retryAfterMs !== undefined) return askedDelay(random, reason.retryAfterMs);
    if (!reason.retryable) return waryDelay(random, this.#refusals++, reconnect);
    return backoffDelay(random, this.#attempt++, reconnect);
  }

  /** A device that was let in before believes no proxy, no portal and no plaintext that it is not any more. */
  #mayRetry(reason: ClientError, reconnect: ReconnectOptions): boolean {
    if (FINAL.has(reason.code)) return false;
    if (!this.#letIn && reconnect.first !== true) return false;
    return reason.retryable || this.#known;
  }
}
