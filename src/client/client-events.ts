import type { JsonValue } from '../protocol/json.ts';
import type { ClientError } from './client-error.ts';
import type { SessionFacts } from './handshake.ts';
import type { Message } from './inbox.ts';

/** A frame with a JSON document of another device. */
export interface ControlEvent {
  readonly channel: number;
  /** Inbox number of a durable frame. */
  readonly number: number | undefined;
  /** The document as sent; its content is the sender's word. */
  readonly value: JsonValue;
}

/** A media packet. */
export interface MediaEvent {
  readonly channel: number;
  readonly payload: Uint8Array;
}

export interface ClientEvents {
  /** MSG, unless `messages()` is being read. It counts as processed when the listeners have returned. */
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
  readonly typing: ControlEvent;
  readonly presence: ControlEvent;
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
  /** An ERROR that answers no waiting call, a channel that could not be joined again, a store that fails. */
  readonly error: ClientError;
  /** The last event: the client has ended, by an error or because it was asked to. */
  readonly closed: { readonly error: ClientError | undefined };
}
