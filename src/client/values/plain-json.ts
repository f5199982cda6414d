import { isJsonObject, JsonFloat, type JsonValue } from '../../protocol/json/json.ts';

/** What `JSON.parse` yields and `JSON.stringify` writes: what applications get. */
export type Json = null | boolean | number | string | readonly Json[] | JsonDocument;

/** A JSON object. */
export interface JsonDocument {
  readonly [key: string]: Json;
}

/**
 * A value of the wire as an application can use it. Integers that a `number` cannot hold exactly, beyond 2^53 - 1 in
 * either direction, become strings of their decimal digits, so that none is lost: serials of certificates, for example.
 */
export function plainJson(value: JsonValue): Json {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof JsonFloat) return value.value;
  return isJsonObject(value) ? plainDocument(value) : value.map(plainJson);
}

/** `plainJson` of an object. */
export function plainDocument(object: Readonly<Record<string, JsonValue>>): JsonDocument {
  // Unlike an assignment this makes `__proto__` a key like any other.
  return Object.fromEntries(Object.entries(object).map(([key, member]) => [key, plainJson(member)]));
}

/** Whether a value of an event is an object. */
export function isJsonDocument(value: Json | undefined): value is JsonDocument {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
