import { fromHex } from '../../protocol/bytes.ts';
import type { Frame } from '../../protocol/frames/frame.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../../protocol/json/json.ts';
import { ClientError, type WireErrorFacts } from './client-error.ts';
import { type Json, plainDocument } from './plain-json.ts';

/** The JSON object in a frame. @throws ClientError code `CLIENT_PROTOCOL` */
export function objectOf(frame: Pick<Frame, 'payload'>): JsonObject {
  const value = jsonOf(frame);
  if (!isJsonObject(value)) {
    throw new ClientError('CLIENT_PROTOCOL', 'there is no JSON object where one belongs');
  }
  return value;
}

/** The JSON in a frame. @throws ClientError code `CLIENT_PROTOCOL` */
export function jsonOf(frame: Pick<Frame, 'payload'>): JsonValue {
  try {
    return parseJson(frame.payload);
  } catch (cause) {
    throw new ClientError('CLIENT_PROTOCOL', 'there is no JSON where some belongs', { cause });
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

/** What an ERROR says: members whose type PROTOCOL.md 9 gives are left out when they have another. */
export function wireErrorOf(object: JsonObject): WireErrorFacts {
  const numbers = ['channel', 'missed', 'not_stored'].map((name) => [name, serialMember(object, name)]);
  const texts = ['title', 'detail', 'reason'].map((name) => [name, textMember(object, name)]);
  const facts: Record<string, Json | undefined> = Object.fromEntries([
    ...Object.entries(plainDocument(object)),
    ...numbers,
    ...texts,
  ]);
  const known = Object.entries(facts).filter(([, member]) => member !== undefined);
  return { ...Object.fromEntries(known), error: textMember(object, 'error') ?? 'unknown' };
}

/** The error code and text of an ERROR on one line. */
export function wireErrorText(wire: WireErrorFacts): string {
  return wire.detail === undefined ? wire.error : `${wire.error}: ${wire.detail}`;
}
