import { WIRE_ERRORS } from '../../protocol/frames/errors.ts';
import type { Frame } from '../../protocol/frames/frame.ts';
import { FRAME } from '../../protocol/frames/frame-types.ts';
import type { JsonObject } from '../../protocol/json/json.ts';
import { ClientError } from '../values/client-error.ts';
import type { Emitter, Outcome } from '../values/emitter.ts';
import { isJsonDocument, type Json, plainJson } from '../values/plain-json.ts';
import { jsonOf, wireErrorOf, wireErrorText } from '../values/wire-values.ts';
import type { ClientEvents, ControlEvent, PresenceEvent, TypingEvent } from './client-events.ts';
import type { Message } from './inbox.ts';

type ControlEventName = Exclude<
  { [K in keyof ClientEvents]: ClientEvents[K] extends ControlEvent ? K : never }[keyof ClientEvents],
  'typing' | 'presence'
>;

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
  const number = undefined;
  const value = (): Json => plainJson(jsonOf(frame));
  const name = CONTROL_EVENTS[type];
  if (type === FRAME.VOICE_FRAME) emitter.emit('voice', { channel, payload });
  else if (type === FRAME.VIDEO_FRAME) emitter.emit('video', { channel, payload });
  else if (type === FRAME.TYPING && emitter.has('typing')) emitter.emit('typing', typingOf(channel, value()));
  else if (type === FRAME.PRESENCE && emitter.has('presence')) {
    emitter.emit('presence', presenceOf(channel, value()));
  } else if (name !== undefined && emitter.has(name)) emitter.emit(name, { channel, number, value: value() });
}

/** Emits a frame of the inbox. */
export function emitDurable(emitter: Emitter<ClientEvents>, message: Message): Outcome {
  const { type, channel, number } = message;
  if (type === FRAME.MSG) return emitter.emit('message', message);
  const name = CONTROL_EVENTS[type];
  if (name === undefined || !emitter.has(name)) return true;
  let value: Json;
  try {
    value = plainJson(jsonOf(message));
  } catch (error) {
    // Ending the connection would not help: the frame would come again and fail again.
    if (!(error instanceof ClientError)) throw error;
    emitter.emit('error', error);
    return true;
  }
  return emitter.emit(name, { channel, number, value });
}

/** PROTOCOL.md 5.13. */
function typingOf(channel: number, value: Json): TypingEvent {
  const document = isJsonDocument(value) ? value : {};
  const { device, device_id: deviceId, sender, typing, ttl_ms: ttl, label } = document;
  return {
    channel,
    number: undefined,
    value,
    device: [device, deviceId, sender].find((name) => typeof name === 'string'),
    typing: typing !== false,
    ttlMs: typeof ttl === 'number' ? ttl : undefined,
    label: typeof label === 'string' ? label : undefined,
  };
}

/** PROTOCOL.md 5.14. */
function presenceOf(channel: number, value: Json): PresenceEvent {
  const { entity, peer, state } = isJsonDocument(value) ? value : {};
  return {
    channel,
    number: undefined,
    value,
    device: [entity, peer].find((name) => typeof name === 'string'),
    state: typeof state === 'string' ? state : undefined,
  };
}
