import { CommuCatError } from '../../ports/commucat-error.ts';
import { LIMITS } from '../limits.ts';
import { varintLength, writeVarint } from '../varint.ts';
import { frameTypeOf } from './frame-types.ts';

/** One frame of PROTOCOL.md 1.2. The payload is a view of what was received, or of what the sender built. */
export interface Frame {
  readonly type: number;
  readonly channel: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/** What is wrong with a frame, and the text for logs: the reference's own where it has one. PROTOCOL.md 1.5. */
export const FRAME_ERROR_KINDS = {
  unknown_type: 'invalid frame type',
  varint_overflow: 'varint overflow',
  frame_too_large: 'frame exceeds limits',
  payload_too_large: 'payload exceeds limits',
  control_too_large: 'control payload exceeds limits',
  channel_too_large: 'channel id exceeds limits',
  sequence_too_large: 'sequence exceeds limits',
  empty_body: 'empty frame',
  truncated_body: 'frame ends inside a field',
} as const;

/** Why bytes are no frame. */
export type FrameErrorKind = keyof typeof FRAME_ERROR_KINDS;

/** A frame that cannot be encoded, or bytes that are no frame. A decoder that threw one never recovers. */
export class FrameError extends CommuCatError {
  readonly kind: FrameErrorKind;

  constructor(kind: FrameErrorKind) {
    super('FRAME_INVALID', FRAME_ERROR_KINDS[kind]);
    this.kind = kind;
  }
}

/** Bytes of the body: type, channel, sequence, payload length, payload. */
function bodyLength(channel: number, sequence: number, payloadLength: number): number {
  return 1 + varintLength(channel) + varintLength(sequence) + varintLength(payloadLength) + payloadLength;
}

/** Bytes of the whole encoding, length prefix included. Checks nothing. */
export function frameLength(channel: number, sequence: number, payloadLength: number): number {
  const body = bodyLength(channel, sequence, payloadLength);
  return varintLength(body) + body;
}

/**
 * Writes one frame at `offset` and returns the offset behind it. Allocates nothing. Throws FrameError when a field
 * exceeds its limit and RangeError when `into` is too short; nothing is written then.
 */
export function writeFrame(
  into: Uint8Array,
  offset: number,
  type: number,
  channel: number,
  sequence: number,
  payload: Uint8Array,
): number {
  const length = payload.length;
  const body = bodyLength(channel, sequence, length);
  checkFields(type, channel, sequence, length, body);
  if (offset + varintLength(body) + body > into.length) throw new RangeError('no room for the frame');
  let at = writeVarint(into, offset, body);
  into[at++] = type;
  at = writeVarint(into, at, channel);
  at = writeVarint(into, at, sequence);
  at = writeVarint(into, at, length);
  into.set(payload, at);
  return at + length;
}

/** One frame in a buffer of its own. Throws FrameError as `writeFrame`. */
export function encodeFrame(
  type: number,
  channel: number,
  sequence: number,
  payload: Uint8Array,
): Uint8Array {
  checkFields(type, channel, sequence, payload.length, bodyLength(channel, sequence, payload.length));
  const bytes = new Uint8Array(frameLength(channel, sequence, payload.length));
  writeFrame(bytes, 0, type, channel, sequence, payload);
  return bytes;
}

/** `>>> 0` keeps exactly the integers 0 … 2^32 - 1, which are the allowed channels and sequences. */
function checkFields(type: number, channel: number, sequence: number, length: number, body: number): void {
  const known = frameTypeOf(type);
  if (known === undefined) throw new FrameError('unknown_type');
  if (channel >>> 0 !== channel) throw new FrameError('channel_too_large');
  if (sequence >>> 0 !== sequence) throw new FrameError('sequence_too_large');
  if (known.payload === 'json' && length > LIMITS.MAX_CONTROL_JSON) throw new FrameError('control_too_large');
  if (length > LIMITS.MAX_FRAME_LENGTH) throw new FrameError('payload_too_large');
  if (body > LIMITS.MAX_FRAME_LENGTH) throw new FrameError('frame_too_large');
}
