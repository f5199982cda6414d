import { encodeJson, type JsonInput } from '../json/json-writer.ts';
import { LIMITS } from '../limits.ts';

export { CommuCatError, type CommuCatErrorOptions } from '../../ports/commucat-error.ts';

/** One ERROR code that a peer may see. */
export interface WireError {
  /** Short English phrase; clients show it. */
  readonly title: string;
  /** True when the stream ends behind the ERROR. */
  readonly closes: boolean;
  /** When it is sent and what helps. The error catalogue is printed from this. */
  readonly doc: string;
}

/**
 * Every value of `error` in an ERROR frame. Codes are stable: programs compare them. PROTOCOL.md 11.4.
 * `handshake` and `decode` are the reference's own and keep its shapes (PROTOCOL.md 3.12).
 */
export const WIRE_ERRORS = {
  handshake: {
    title: 'Handshake failed',
    closes: true,
    doc: 'The handshake was refused or not finished in time; `detail` is one of the texts of PROTOCOL.md 3.12.',
  },
  decode: {
    title: 'Malformed frame',
    closes: true,
    doc: 'The bytes are no frame. Nothing behind them can be read.',
  },
  malformed: {
    title: 'Malformed request',
    closes: false,
    doc: 'The JSON of a frame lacks a field or carries a wrong one; `detail` names it.',
  },
  unexpected_frame: {
    title: 'Unexpected frame',
    closes: false,
    doc: 'This type of frame is not sent by clients, or not in this state.',
  },
  unsupported: {
    title: 'Not supported',
    closes: false,
    doc: 'The request is well formed; this server does not offer what it asks for.',
  },
  too_large: {
    title: 'Too large',
    closes: false,
    doc: 'The frame does not fit into one record, so no recipient could receive it, or not into the log together with the names of its recipients, or a field exceeds its length.',
  },
  limit: {
    title: 'Limit reached',
    closes: false,
    doc: 'A limit is reached; `detail` names it and its value.',
  },
  mailbox_full: {
    title: 'Mailbox full',
    closes: false,
    doc: 'Nobody on the channel has room for one more stored frame, or, with `missed`, the device that is told this had none for so many while it was away.',
  },
  rate_limited: {
    title: 'Too many requests',
    closes: false,
    doc: 'The device sends faster than it may; the frame was not handled. Wait and send it again.',
  },
  unknown_channel: {
    title: 'Unknown channel',
    closes: false,
    doc: 'The sender takes part in no channel of this number. Send JOIN first.',
  },
  channel_exists: {
    title: 'Channel exists',
    closes: false,
    doc: 'The number is taken by another channel of this device. LEAVE it or choose another number.',
  },
  not_a_member: {
    title: 'Not a member',
    closes: false,
    doc: 'The sender does not belong to the channel or group.',
  },
  forbidden: {
    title: 'Not allowed',
    closes: false,
    doc: 'The sender is known but may not do this: a role, or a rule of the server, is missing.',
  },
  unknown_group: {
    title: 'Unknown group',
    closes: false,
    doc: 'No group has this id, or the sender is not in it.',
  },
  wrong_channel: {
    title: 'Wrong channel',
    closes: false,
    doc: 'The group talks on another channel number; `channel` names it.',
  },
  group_exists: { title: 'Group exists', closes: false, doc: 'GROUP_CREATE named an id that is taken.' },
  unknown_device: {
    title: 'Unknown device',
    closes: false,
    doc: 'No device that the sender may reach has this id.',
  },
  unknown_call: {
    title: 'Unknown call',
    closes: false,
    doc: 'No running call on this channel has this id, or the sender takes no part in it.',
  },
  call_alone: {
    title: 'Nobody to call',
    closes: false,
    doc: 'CALL_OFFER on a channel in which nobody else takes part. Wait until somebody has joined.',
  },
  call_exists: { title: 'Call exists', closes: false, doc: 'CALL_OFFER named an id that is in use.' },
  unknown_inbox_number: {
    title: 'Unknown inbox number',
    closes: false,
    doc: 'An ACK confirmed an inbox number that was not sent yet. PROTOCOL.md 11.2.',
  },
  expired: {
    title: 'Messages expired',
    closes: false,
    doc: 'Stored frames with the inbox numbers `from` to `to` expired before the device fetched them.',
  },
  storage: {
    title: 'Storage failure',
    closes: false,
    doc: 'The frame could not be made durable and was not accepted. Send it again later.',
  },
  storage_unavailable: {
    title: 'Storage unavailable',
    closes: true,
    doc: 'The server cannot write its log and takes no traffic until it can. Reconnect later.',
  },
  internal: {
    title: 'Internal error',
    closes: false,
    doc: 'A fault of the server; its log knows more. The frame was not accepted.',
  },
  flooding: {
    title: 'Too many frames at once',
    closes: true,
    doc: 'More frames came than may wait while an earlier one is handled. Reconnect and send at most a window of frames without an ACK.',
  },
  slow_peer: {
    title: 'Reading too slowly',
    closes: true,
    doc: 'More is waiting for this connection than it may hold. Stored frames are delivered after a reconnect.',
  },
  frame_timeout: {
    title: 'Frame not finished',
    closes: true,
    doc: 'A frame began and did not end in time, or before the server needed its room. Reconnect and send it whole.',
  },
  idle_timeout: {
    title: 'Idle for too long',
    closes: true,
    doc: 'Nothing was received for the configured time.',
  },
  replaced: {
    title: 'Replaced by a newer connection',
    closes: true,
    doc: 'The same device has connected again; a device has one live session.',
  },
  revoked: { title: 'Device revoked', closes: true, doc: 'The device was revoked while it was connected.' },
  shutting_down: {
    title: 'Server is stopping',
    closes: true,
    doc: 'The server ends; reconnect after a moment.',
  },
} as const satisfies Readonly<Record<string, WireError>>;

/** The code of an ERROR frame: a key of `WIRE_ERRORS`. */
export type WireErrorCode = keyof typeof WIRE_ERRORS;

/** Whether a text is a code of an ERROR frame. */
export function isWireErrorCode(code: string): code is WireErrorCode {
  return Object.hasOwn(WIRE_ERRORS, code);
}

/**
 * The payload of an ERROR frame: `{error, title, detail}` and the members of `extra` behind them (`ack`: sequence of the
 * frame that it answers). `detail` says what was wrong and what is allowed and is cut at LIMITS.ERROR_DETAIL_MAX UTF-16
 * units. PROTOCOL.md 11.4.
 */
export function errorPayload(
  code: WireErrorCode,
  detail: string,
  extra: Readonly<Record<string, JsonInput>> = {},
): Uint8Array {
  const fields = { error: code, title: WIRE_ERRORS[code].title, detail: cut(detail) };
  return encodeJson({ ...extra, ...fields });
}

/** The capability of a client that wants to be told why its handshake is refused. PROTOCOL.md 3.12, 11.1. */
export const REFUSAL_REASON = 'refusal-reason';

/** What a refused handshake may be told did not fit. PROTOCOL.md 3.12. */
export type HandshakeReason = 'account' | 'device_id' | 'proof' | 'server_key';

/**
 * Answers a failed handshake. `detail` is one of the texts of PROTOCOL.md 3.12; other texts confuse older clients. `reason`
 * is for clients that ask for it.
 */
export function handshakeErrorPayload(detail: string, reason?: HandshakeReason): Uint8Array {
  return encodeJson({ detail: cut(detail), error: 'handshake', reason });
}

/** Answers an unknown device that must be paired first. PROTOCOL.md 3.12. */
export function pairingRequiredPayload(): Uint8Array {
  return encodeJson({
    detail: 'pairing required',
    error: 'handshake',
    pairing_required: true,
    title: 'PairingRequired',
  });
}

/** Answers bytes that are no frame, in every state. PROTOCOL.md 3.12, 4.2. */
export function decodeErrorPayload(): Uint8Array {
  return encodeJson({ error: 'decode' });
}

function cut(detail: string): string {
  return detail.length > LIMITS.ERROR_DETAIL_MAX
    ? `${detail.slice(0, LIMITS.ERROR_DETAIL_MAX - 1)}…`
    : detail;
}
