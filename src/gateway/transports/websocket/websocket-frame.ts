/** Frames of RFC 6455, 5.2. Facts that reader and writer share. */

export const OPCODE = {
  CONTINUATION: 0x0,
  TEXT: 0x1,
  BINARY: 0x2,
  CLOSE: 0x8,
  PING: 0x9,
  PONG: 0xa,
} as const;

/** Status codes that we send, RFC 6455, 7.4.1. */
export const CLOSE_CODE = {
  NORMAL: 1000,
  GOING_AWAY: 1001,
  PROTOCOL_ERROR: 1002,
  INVALID_DATA: 1007,
  POLICY: 1008,
  TOO_BIG: 1009,
  INTERNAL: 1011,
} as const;

/** Longest payload of a control frame. */
export const MAX_CONTROL_PAYLOAD = 125;

const FINAL = 0x80;
/** Lengths from here on stand in two more bytes, then in eight. */
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/** Bytes of the header of an unmasked frame: a server masks nothing. */
export function headerLength(payloadLength: number): number {
  if (payloadLength < LENGTH_16) return 2;
  return payloadLength < 0x1_0000 ? 4 : 10;
}

/** Writes a whole, unmasked frame; returns the offset behind it. There must be room for header and payload. */
export function writeWebSocketFrame(
  into: Buffer,
  offset: number,
  opcode: number,
  payload: Uint8Array,
): number {
  const { length } = payload;
  let at = into.writeUInt8(FINAL | opcode, offset);
  if (length < LENGTH_16) {
    at = into.writeUInt8(length, at);
  } else if (length < 0x1_0000) {
    at = into.writeUInt8(LENGTH_16, at);
    at = into.writeUInt16BE(length, at);
  } else {
    at = into.writeUInt8(LENGTH_64, at);
    at = into.writeUInt32BE(Math.floor(length / 0x1_0000_0000), at);
    at = into.writeUInt32BE(length >>> 0, at);
  }
  into.set(payload, at);
  return at + length;
}

/** A control frame of our own. `payload`: at most 125 bytes. */
export function controlFrame(opcode: number, payload: Uint8Array): Buffer {
  if (payload.length > MAX_CONTROL_PAYLOAD) throw new RangeError('a control frame of more than 125 bytes');
  const frame = Buffer.allocUnsafe(headerLength(payload.length) + payload.length);
  writeWebSocketFrame(frame, 0, opcode, payload);
  return frame;
}

/**
 * The payload of a close frame.
 *
 * @param code undefined: no payload at all
 * @param reason ASCII, at most 123 bytes
 */
export function closePayload(code: number | undefined, reason = ''): Uint8Array {
  if (code === undefined) return new Uint8Array(0);
  const payload = Buffer.alloc(2 + reason.length);
  payload.writeUInt16BE(code);
  payload.write(reason, 2, 'latin1');
  return payload;
}
