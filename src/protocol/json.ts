import { CommuCatError } from './commucat-error.ts';
import { JsonFloat, type JsonValue } from './json-value.ts';
import { LIMITS } from './limits.ts';

export { isJsonObject, JsonFloat, type JsonObject, type JsonValue } from './json-value.ts';
export { canonicalJson, encodeJson, type JsonInput, stringifyJson } from './json-writer.ts';

/** Bytes that are not one JSON text in the sense of PROTOCOL.md 1.4. */
export class JsonError extends CommuCatError {
  constructor(message: string, cause?: unknown) {
    super('JSON_INVALID', message, { cause });
  }
}

/**
 * Parses one JSON text as strictly as the reference (PROTOCOL.md 1.4): UTF-8 without BOM, at most 127 levels, nothing
 * behind the value, no escapes of lone surrogates, no numbers beyond a double; of equal keys the last wins; `__proto__`
 * is a key like any other. Integers up to 64 bits keep all digits. Throws JsonError.
 */
export function parseJson(bytes: Uint8Array): JsonValue {
  return parseJsonText(decodeUtf8(bytes));
}

/** `parseJson` of text that is decoded already. */
export function parseJsonText(text: string): JsonValue {
  if (isDelicate(text)) return new Parser(text).document();
  try {
    return JSON.parse(text) as JsonValue;
  } catch (cause) {
    throw new JsonError('not a JSON text', cause);
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new JsonError('not UTF-8', cause);
  }
}

/**
 * What `JSON.parse` would silently change or accept: numbers with a point, an exponent, a minus before zero or more than
 * 15 digits, and escaped surrogates. Numbers stand at the start or behind `[`, `:`, `,` or whitespace; a match inside a
 * string only costs time.
 */
const DELICATE = /(?:^|[[:,\s])(?:-?\d{1,15}[.eE]|-?\d{16}|-0)|\\u[dD][89a-fA-F]/;

function isDelicate(text: string): boolean {
  return DELICATE.test(text) || mayNestTooDeep(text);
}

/** Counts opening brackets, also those in strings: too many means only that the careful parser must look. */
function mayNestTooDeep(text: string): boolean {
  let opened = 0;
  for (const open of ['[', '{']) {
    for (let at = text.indexOf(open); at >= 0; at = text.indexOf(open, at + 1)) {
      opened++;
      if (opened > LIMITS.MAX_JSON_DEPTH) return true;
    }
  }
  return false;
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const SPACE = /[ \t\n\r]*/y;
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
const LITERALS: ReadonlyArray<readonly [string, null | boolean]> = [
  ['null', null],
  ['true', true],
  ['false', false],
];
/** Digits of u64 max; a longer integer is a float in any case and never becomes a BigInt. */
const MAX_INTEGER_DIGITS = 20;
const MIN_I64 = -0x8000_0000_0000_0000n;
const MAX_U64 = 0xffff_ffff_ffff_ffffn;

/** Recursive descent; the depth limit bounds the stack. */
class Parser {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): JsonValue {
    const value = this.#value();
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#error('something behind the value');
    return value;
  }

  #value(): JsonValue {
    this.#skipSpace();
    switch (this.#text[this.#at]) {
      case '{':
        return this.#nested(() => this.#object());
      case '[':
        return this.#nested(() => this.#array());
      case '"':
        return this.#string();
      default:
        return this.#scalar();
    }
  }

  #nested(read: () => JsonValue): JsonValue {
    this.#depth++;
    if (this.#depth > LIMITS.MAX_JSON_DEPTH) throw this.#error(`more than ${LIMITS.MAX_JSON_DEPTH} levels`);
    this.#at++;
    const value = read();
    this.#depth--;
    return value;
  }

  #object(): JsonValue {
    const object: Record<string, JsonValue> = {};
    if (this.#skip('}')) return object;
    do {
      this.#skipSpace();
      if (this.#text[this.#at] !== '"') throw this.#error('expected a key');
      const key = this.#string();
      if (!this.#skip(':')) throw this.#error('expected a colon');
      setMember(object, key, this.#value());
    } while (this.#skip(','));
    if (!this.#skip('}')) throw this.#error('expected a comma or a closing brace');
    return object;
  }

  #array(): JsonValue {
    const array: JsonValue[] = [];
    if (this.#skip(']')) return array;
    do array.push(this.#value());
    while (this.#skip(','));
    if (!this.#skip(']')) throw this.#error('expected a comma or a closing bracket');
    return array;
  }

  #string(): string {
    const start = this.#at++;
    for (;;) {
      const unit = this.#text[this.#at];
      if (unit === undefined) throw this.#error('unterminated string');
      this.#at += unit === '\\' ? 2 : 1;
      if (unit === '"') break;
    }
    const text = parseStringLiteral(this.#text.slice(start, this.#at));
    if (text === undefined) throw this.#error('malformed string');
    if (LONE_SURROGATE.test(text)) throw this.#error('lone surrogate');
    return text;
  }

  #scalar(): JsonValue {
    for (const [literal, value] of LITERALS) {
      if (!this.#text.startsWith(literal, this.#at)) continue;
      this.#at += literal.length;
      return value;
    }
    NUMBER.lastIndex = this.#at;
    const match = NUMBER.exec(this.#text);
    if (match === null) throw this.#error('expected a value');
    this.#at += match[0].length;
    const isInteger = match[1] === undefined && match[2] === undefined;
    const number = readNumber(match[0], isInteger);
    if (number === undefined) throw this.#error('number out of range');
    return number;
  }

  #skipSpace(): void {
    SPACE.lastIndex = this.#at;
    SPACE.test(this.#text);
    this.#at = SPACE.lastIndex;
  }

  #skip(expected: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== expected) return false;
    this.#at++;
    return true;
  }

  #error(what: string): JsonError {
    return new JsonError(`not a JSON text: ${what} at offset ${this.#at}`);
  }
}

/** The escapes and the forbidden control characters are the platform's business; it is exact about them. */
function parseStringLiteral(literal: string): string | undefined {
  try {
    return JSON.parse(literal) as string;
  } catch {
    return undefined;
  }
}

/** An assignment to `__proto__` would change the prototype instead of adding a member. */
function setMember(object: Record<string, JsonValue>, key: string, value: JsonValue): void {
  if (key !== '__proto__') {
    object[key] = value;
    return;
  }
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}

/** Undefined when the number is beyond a double. */
function readNumber(text: string, isInteger: boolean): JsonValue | undefined {
  const value = Number(text);
  if (!Number.isFinite(value)) return undefined;
  if (isInteger && !Object.is(value, -0)) {
    if (Number.isSafeInteger(value)) return value;
    if (text.length <= MAX_INTEGER_DIGITS) {
      const exact = BigInt(text);
      if (exact >= MIN_I64 && exact <= MAX_U64) return exact;
    }
  }
  return Number.isInteger(value) ? new JsonFloat(value) : value;
}
