import { isJsonObject, JsonFloat, type JsonValue } from './json-value.ts';

/** What can be written: a JSON value, or an object with absent (undefined) members, which are left out. */
export type JsonInput = JsonValue | undefined | readonly JsonInput[] | { readonly [key: string]: JsonInput };

/**
 * Compact JSON with keys in the order of the object. Integers of any size keep all digits. Lone surrogates become
 * U+FFFD: peers refuse the escapes that `JSON.stringify` would emit for them. Throws RangeError for NaN and infinities.
 */
export function stringifyJson(value: JsonInput): string {
  return write(value, false);
}

/**
 * As `stringifyJson`, with the keys of every object in ascending order of their UTF-8 bytes: the text that the
 * reference emits for the same value. PROTOCOL.md 1.4.
 */
export function canonicalJson(value: JsonInput): string {
  return write(value, true);
}

const utf8 = new TextEncoder();

/** `stringifyJson` as the UTF-8 payload of a frame. */
export function encodeJson(value: JsonInput): Uint8Array {
  return utf8.encode(stringifyJson(value));
}

function write(value: JsonInput, sorted: boolean): string {
  switch (typeof value) {
    case 'string':
      return writeString(value);
    case 'number':
      return Number.isSafeInteger(value) ? String(value) : writeFloat(value);
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'undefined':
      return 'null';
    default:
      return writeStructure(value, sorted);
  }
}

function writeStructure(value: Exclude<JsonInput, undefined>, sorted: boolean): string {
  if (value === null) return 'null';
  if (value instanceof JsonFloat) return writeFloat(value.value);
  if (Array.isArray(value)) return `[${value.map((entry: JsonInput) => write(entry, sorted)).join(',')}]`;
  if (!isJsonObject(value)) return 'null';
  const members = value as Record<string, JsonInput>;
  const keys = Object.keys(members);
  if (sorted) keys.sort(compareCodePoints);
  let text = '{';
  for (const key of keys) {
    const entry = members[key];
    if (entry === undefined) continue;
    if (text.length > 1) text += ',';
    text += `${writeString(key)}:${write(entry, sorted)}`;
  }
  return `${text}}`;
}

/** Matches one half of a surrogate pair that stands alone. */
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Nothing in it is written otherwise than it is: most strings here are names and hex digits. */
const PLAIN = /^[ !#-[\]-~]*$/;

function writeString(value: string): string {
  if (PLAIN.test(value)) return `"${value}"`;
  return JSON.stringify(value.replace(LONE_SURROGATE, '\ufffd'));
}

/**
 * Order of the UTF-8 bytes. UTF-16 units agree with it except that surrogates (code points from U+10000) must come
 * behind U+E000 … U+FFFF.
 */
function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit;
}

/**
 * The shortest digits that read back as the same double, laid out as the reference lays them out: always a point or an
 * exponent, plain from 0.00001 to below 1e16.
 */
function writeFloat(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError('JSON has no NaN and no infinity');
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  if (value === 0) return `${sign}0.0`;
  const [mantissa = '', exponentText = '0'] = Math.abs(value).toExponential().split('e');
  const digits = mantissa.replace('.', '');
  /** Digits before the decimal point. */
  const point = Number(exponentText) + 1;
  if (point > 0 && point <= 16) {
    if (digits.length <= point) return `${sign}${digits.padEnd(point, '0')}.0`;
    return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
  }
  if (point > -5 && point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return `${sign}${mantissa}e${Number(exponentText)}`;
}
