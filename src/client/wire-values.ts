import { fromHex } from '../protocol/bytes.ts';
import type { Frame } from '../protocol/frame.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../protocol/json.ts';
import { ClientError, type WireErrorFacts } from './client-error.ts';

/** The JSON object in a frame. @throws ClientError code `CLIENT_PROTOCOL` */
export function objectOf(frame: Pick<Frame, 'payload'>): JsonObject {
  const value = jsonOf(frame);
  if (!isJsonObject(value)) throw new ClientError('CLIENT_PROTOCOL', 'a frame carries no JSON object');
  return value;
}

/** The JSON in a frame. @throws ClientError code `CLIENT_PROTOCOL` */
export function jsonOf(frame: Pick<Frame, 'payload'>): JsonValue {
  try {
    return parseJson(frame.payload);
  } catch (cause) {
    throw new ClientError('CLIENT_PROTOCOL', 'a frame carries no JSON', { cause });
  }
}

export function textMember(object: JsonObject, key: string): string | undefined {
  const value = object[key];
  return typeof value === 'string' ? value : undefined;
}

/** An integer 0 … 2^32-1. */
export function serialMember(object: JsonObject, key: string): number | undefined {
  const value = object[key];
  return typeof value === 'number' && value >>> 0 === value ? value : undefined;
}

/** Bytes of a hex string; undefined when the member is anything else. */
export function bytesMember(object: JsonObject, key: string): Uint8Array | undefined {
  const text = textMember(object, key);
  return text === undefined || text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)
    ? undefined
    : fromHex(text);
}

/** What an ERROR says. */
export function wireErrorOf(object: JsonObject): WireErrorFacts {
  return {
    error: textMember(object, 'error') ?? 'unknown',
    title: textMember(object, 'title'),
    detail: textMember(object, 'detail'),
  };
}

/** The error code and text of an ERROR on one line. */
export function wireErrorText(wire: WireErrorFacts): string {
  return wire.detail === undefined ? wire.error : `${wire.error}: ${wire.detail}`;
}

const PLAIN_ACK = new TextEncoder().encode('{"ack":');
const CLOSING_BRACE = 0x7d;
const MAX_DIGITS = 10;

/**
 * The number in `{"ack":n}`, undefined for any other spelling or content. One of these comes back for every message, and
 * reading it as JSON costs more than all the rest of its way.
 */
export function plainAckOf(payload: Uint8Array): number | undefined {
  const end = payload.length - 1;
  const digits = end - PLAIN_ACK.length;
  if (digits < 1 || digits > MAX_DIGITS || payload[end] !== CLOSING_BRACE) return undefined;
  for (let i = 0; i < PLAIN_ACK.length; i += 1) {
    if (payload[i] !== PLAIN_ACK[i]) return undefined;
  }
  let value = 0;
  for (let i = PLAIN_ACK.length; i < end; i += 1) {
    const digit = (payload[i] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return value;
}
