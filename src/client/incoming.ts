import { WIRE_ERRORS } from '../protocol/errors.ts';
import type { Frame } from '../protocol/frame.ts';
import { FRAME } from '../protocol/frame-types.ts';
import type { JsonObject } from '../protocol/json.ts';
import { ClientError } from './client-error.ts';
import type { ClientEvents, ControlEvent } from './client-events.ts';
import type { Emitter } from './emitter.ts';
import type { Message } from './inbox.ts';
import { jsonOf, wireErrorOf, wireErrorText } from './wire-values.ts';

type ControlEventName = {
  [K in keyof ClientEvents]: ClientEvents[K] extends ControlEvent ? K : never;
}[keyof ClientEvents];

/** The event of each frame type that carries JSON of another device. */
const CONTROL_EVENTS: Readonly<Record<number, ControlEventName | undefined>> = {
  [FRAME.KEY_UPDATE]: 'keyUpdate',
  [FRAME.GROUP_CREATE]: 'groupCreate',
  [FRAME.GROUP_INVITE]: 'groupInvite',
  [FRAME.GROUP_EVENT]: 'groupEvent',
  [FRAME.CALL_OFFER]: 'callOffer',
  [FRAME.CALL_ANSWER]: 'callAnswer',
  [FRAME.CALL_END]: 'callEnd',
  [FRAME.CALL_STATS]: 'callStats',
  [FRAME.TRANSPORT_UPDATE]: 'transportUpdate',
  [FRAME.TYPING]: 'typing',
  [FRAME.PRESENCE]: 'presence',
};

/** The server's ERROR about one frame. */
export function refusalOf(error: JsonObject): ClientError {
  const wire = wireErrorOf(error);
  const retryable = wire.error === 'storage' || wire.error === 'rate_limited' || wire.error === 'internal';
  return new ClientError('CLIENT_REFUSED', `refused by the server: ${wireErrorText(wire)}`, {
    wire,
    retryable,
  });
}

/** The server's ERROR about the connection as a whole; undefined when the connection stays. */
export function farewellOf(error: JsonObject): ClientError | undefined {
  const wire = wireErrorOf(error);
  const known: { readonly closes: boolean } | undefined = Object.hasOwn(WIRE_ERRORS, wire.error)
    ? WIRE_ERRORS[wire.error as keyof typeof WIRE_ERRORS]
    : undefined;
  // `limit` closes a session when it concerns all of it, and then carries no `ack`.
  if (known?.closes !== true && wire.error !== 'limit') return undefined;
  const text = `the server ends the connection: ${wireErrorText(wire)}`;
  switch (wire.error) {
    case 'replaced':
      return new ClientError('CLIENT_REPLACED', text, { wire });
    case 'revoked':
      return new ClientError('CLIENT_REVOKED', text, { wire });
    default:
      return new ClientError('CLIENT_DISCONNECTED', text, { wire });
  }
}

/** Emits a frame that is never stored. @throws ClientError code `CLIENT_PROTOCOL` when it carries no JSON */
export function emitLive(emitter: Emitter<ClientEvents>, frame: Frame): void {
  const { type, channel, payload } = frame;
  if (type === FRAME.VOICE_FRAME) emitter.emit('voice', { channel, payload });
  if (type === FRAME.VIDEO_FRAME) emitter.emit('video', { channel, payload });
  const name = CONTROL_EVENTS[type];
  if (name === undefined || !emitter.has(name)) return;
  emitter.emit(name, { channel, number: undefined, value: jsonOf(frame) });
}

/** Emits a frame of the inbox. */
export function emitDurable(emitter: Emitter<ClientEvents>, message: Message): void {
  const { type, channel, number } = message;
  if (type === FRAME.MSG) emitter.emit('message', message);
  const name = CONTROL_EVENTS[type];
  if (name === undefined || !emitter.has(name)) return;
  try {
    emitter.emit(name, { channel, number, value: jsonOf(message) });
  } catch (error) {
    // Ending the connection would not help: the frame would come again and fail again.
    if (!(error instanceof ClientError)) throw error;
    emitter.emit('error', error);
  }
}
