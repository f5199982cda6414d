import type { SessionFacts } from '../session/handshake.ts';
import type { ClientError } from '../values/client-error.ts';
import type { Json } from '../values/plain-json.ts';
import type { Message } from './inbox.ts';

/** A frame with a JSON document of another device. */
export interface ControlEvent {
  readonly channel: number;
  /** Inbox number of a durable frame. */
  readonly number: number | undefined;
  /**
   * The document; its content is the sender's word. It is plain JSON: integers beyond 2^53 - 1 are strings of their
   * digits.
   */
  readonly value: Json;
}

/** Somebody types, or stopped (PROTOCOL.md 5.13). All of it is the sender's word. */
export interface TypingEvent extends ControlEvent {
  readonly device: string | undefined;
  readonly typing: boolean;
  /** Milliseconds for which it holds. */
  readonly ttlMs: number | undefined;
  readonly label: string | undefined;
}

/** The presence of another device (PROTOCOL.md 5.14). */
export interface PresenceEvent extends ControlEvent {
  /** Whose presence it is: the server's word. */
  readonly device: string | undefined;
  /** A text of that device, or `offline`. */
  readonly state: string | undefined;
}

/** A media packet. */
export interface MediaEvent {
  readonly channel: number;
  readonly payload: Uint8Array;
}

/**
 * Events by name. Those of durable frames (`message`, `keyUpdate`, `groupCreate`, `groupInvite`, `groupEvent`,
 * `callOffer`, `callEnd`) come one after the other: the next one waits for the promises of the listeners.
 */
export interface ClientEvents {
  /**
   * MSG, unless `messages()` is being read. It counts as processed when the listeners have returned and their promises
   * are fulfilled; until then the next one waits. When one throws or is rejected, it comes again.
   */
  readonly message: Message;
  readonly keyUpdate: ControlEvent;
  readonly groupCreate: ControlEvent;
  readonly groupInvite: ControlEvent;
  readonly groupEvent: ControlEvent;
  readonly callOffer: ControlEvent;
  readonly callAnswer: ControlEvent;
  readonly callEnd: ControlEvent;
  readonly callStats: ControlEvent;
  readonly transportUpdate: ControlEvent;
  readonly typing: TypingEvent;
  readonly presence: PresenceEvent;
  readonly voice: MediaEvent;
  readonly video: MediaEvent;
  /** A session is established. `resumed`: it goes on where a former one of this client broke off. */
  readonly connected: { readonly session: SessionFacts; readonly resumed: boolean };
  /** The session, or an attempt to get one, has ended. `delay`: milliseconds until the next attempt. */
  readonly disconnected: {
    readonly reason: ClientError;
    readonly willRetry: boolean;
    readonly delay: number | undefined;
  };
  /** Stored frames with these inbox numbers expired before this device fetched them. */
  readonly expired: { readonly from: number; readonly to: number };
  /**
   * The server's data came back from a backup (PROTOCOL.md 11.2). Messages that were sent or received meanwhile may be
   * gone for others, also those whose `send` was resolved. Inbox numbers from `since` on start anew.
   */
  readonly history: { readonly previous: string; readonly epoch: string; readonly since: number };
  /**
   * An ERROR that answers no waiting call, a channel that could not be joined again, a store that fails, a listener that
   * threw.
   */
  readonly error: ClientError;
  /** The last event: the client has ended, by an error or because it was asked to. */
  readonly closed: { readonly error: ClientError | undefined };
}
