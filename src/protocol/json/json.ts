import { LIMITS } from '../limits.ts';
import { JsonError, JsonReader } from './json-reader.ts';
import { EVERYTHING, type JsonShape } from './json-shape.ts';
import type { JsonValue } from './json-value.ts';

export { JsonError } from './json-reader.ts';
export { type JsonShape, LEAF, membersOf } from './json-shape.ts';
export { isJsonObject, JsonFloat, type JsonObject, type JsonValue } from './json-value.ts';
export { canonicalJson, encodeJson, type JsonInput, stringifyJson } from './json-writer.ts';

/**
 * Parses one JSON text as strictly as the reference (PROTOCOL.md 1.4): UTF-8 without BOM, at most 127 levels, nothing
 * behind the value, no escapes of lone surrogates, no numbers beyond a double; of equal keys the last wins; `__proto__`
 * is a key like any other. Integers up to 64 bits keep all digits.
 *
 * @param shape what is built of it; all of it is checked. @default everything
 * @param maxDepth nested arrays and objects that are allowed. @default 127
 * @throws JsonError
 */
export function parseJson(
  bytes: Uint8Array,
  shape: JsonShape = EVERYTHING,
  maxDepth: number = LIMITS.MAX_JSON_DEPTH,
): JsonValue {
  return new JsonReader(decodeUtf8(bytes), maxDepth).document(shape);
}

/** `parseJson` of text that is decoded already. */
export function parseJsonText(text: string): JsonValue {
  return new JsonReader(text, LIMITS.MAX_JSON_DEPTH).document(EVERYTHING);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new JsonError('not UTF-8', cause);
  }
}
