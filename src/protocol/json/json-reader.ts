import { CommuCatError } from '../../ports/commucat-error.ts';
import { EXACT_DIGITS, mayOverflow, type NumberText, readNumber } from './json-number.ts';
import type { JsonShape } from './json-shape.ts';
import type { JsonValue } from './json-value.ts';

/** Bytes that are not one JSON text in the sense of PROTOCOL.md 1.4. */
export class JsonError extends CommuCatError {
  constructor(message: string, cause?: unknown) {
    super('JSON_INVALID', message, { cause });
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const SPACE = 0x20;
const LETTER_U = 0x75;
/** `"`, `\`, `/`, `b`, `f`, `n`, `r`, `t`: what may follow a backslash beside `u`. */
const ESCAPES: ReadonlyMap<number, string> = new Map(
  Object.entries({ '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }).map(
    ([letter, meaning]) => [letter.charCodeAt(0), meaning],
  ),
);
/** What nothing was built of. */
const EMPTY_OBJECT: JsonValue = Object.freeze({});
const EMPTY_ARRAY: JsonValue = Object.freeze([]);
/** A shorter slice is a copy; a longer one would keep the whole text in memory. */
const SLICE_COPIES_BELOW = 13;
/** An exponent of more digits only needs to be known as huge. */
const HUGE_EXPONENT = 100_000;

/**
 * Reads one JSON text from left to right, once: every character is looked at a bounded number of times, whatever the text.
 * The limit on depth bounds the stack.
 */
export class JsonReader implements NumberText {
  readonly text: string;
  #at = 0;
  #depth = 0;
  readonly #maxDepth: number;
  /** What closes the arrays and objects around the place here, by depth. */
  readonly #closers: number[] = [];
  // The number that was read last.
  start = 0;
  end = 0;
  negative = false;
  mantissa = 0;
  digits = 0;
  exponent = 0;
  integer = true;

  constructor(text: string, maxDepth: number) {
    this.text = text;
    this.#maxDepth = maxDepth;
  }

  /** @throws JsonError */
  document(shape: JsonShape | undefined): JsonValue {
    const value = this.#value(shape);
    this.#skipSpace();
    if (this.#at < this.text.length) throw this.#error('something behind the value');
    return value;
  }

  /** Reads a value, and builds it when it is wanted; null otherwise. */
  #value(shape: JsonShape | undefined): JsonValue {
    const unit = this.#skipSpace();
    if (unit === OPEN_BRACE) {
      if (shape?.members !== undefined || shape?.others !== undefined) return this.#object(shape);
      this.#passNested();
      return EMPTY_OBJECT;
    }
    if (unit === OPEN_BRACKET) {
      if (shape?.items !== undefined) return this.#array(shape.items, shape.most ?? Number.POSITIVE_INFINITY);
      this.#passNested();
      return EMPTY_ARRAY;
    }
    return this.#scalar(unit, shape);
  }

  #scalar(unit: number, shape: JsonShape | undefined): JsonValue {
    switch (unit) {
      case QUOTE:
        return this.#string(shape !== undefined);
      case 0x6e:
        return this.#literal('null', null);
      case 0x74:
        return this.#literal('true', true);
      case 0x66:
        return this.#literal('false', false);
      default:
        return this.#number(shape !== undefined && shape.textOnly !== true);
    }
  }

  #object(shape: JsonShape): JsonValue {
    this.#enter();
    let object: Record<string, JsonValue> | undefined;
    let others = shape.most ?? Number.POSITIVE_INFINITY;
    if (this.#skipSpace() === CLOSE_BRACE) return this.#leave(shape.others === undefined ? EMPTY_OBJECT : {});
    for (;;) {
      const key = this.#key(true) ?? '';
      let wanted = shape.members?.get(key);
      if (wanted === undefined && shape.others !== undefined && others > 0) {
        wanted = shape.others;
        others -= 1;
      }
      const value = this.#value(wanted);
      if (wanted !== undefined) {
        object ??= emptyObject(shape);
        setMember(object, key, value);
      }
      if (!this.#goesOn(CLOSE_BRACE)) return this.#leave(object ?? EMPTY_OBJECT);
    }
  }

  #array(items: JsonShape, most: number): JsonValue {
    this.#enter();
    const array: JsonValue[] = [];
    if (this.#skipSpace() === CLOSE_BRACKET) return this.#leave(array);
    for (;;) {
      if (array.length < most) array.push(this.#value(items));
      else this.#value(undefined);
      if (!this.#goesOn(CLOSE_BRACKET)) return this.#leave(array);
    }
  }

  /** Checks the array or object here, in which nobody wants anything: without recursion, which costs more than the rest. */
  #passNested(): void {
    const outside = this.#depth;
    const closers = this.#closers;
    for (;;) {
      const unit = this.#skipSpace();
      let closed = false;
      if (unit === OPEN_BRACE || unit === OPEN_BRACKET) {
        this.#enter();
        const closer = unit === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET;
        closers[this.#depth] = closer;
        closed = this.#skipSpace() === closer;
        if (!closed) {
          if (closer === CLOSE_BRACE) this.#key(false);
          continue;
        }
      } else this.#scalar(unit, undefined);
      while (closed || !this.#goesOn(closers[this.#depth] ?? 0)) {
        closed = false;
        this.#leave(undefined);
        if (this.#depth === outside) return;
      }
      if (closers[this.#depth] === CLOSE_BRACE) this.#key(false);
    }
  }

  /** A key and its colon. */
  #key(wanted: boolean): string | null {
    if (this.#skipSpace() !== QUOTE) throw this.#error('expected a key');
    const key = this.#string(wanted);
    if (this.#skipSpace() !== COLON) throw this.#error('expected a colon');
    this.#at += 1;
    return key;
  }

  /** Behind a value: whether another one follows, whose comma is passed, or the closing character stands here. */
  #goesOn(closer: number): boolean {
    const unit = this.#skipSpace();
    if (unit === closer) return false;
    if (unit !== COMMA) throw this.#error('expected a comma or the end');
    this.#at += 1;
    return true;
  }

  #enter(): void {
    this.#depth += 1;
    if (this.#depth > this.#maxDepth) throw this.#error(`more than ${this.#maxDepth} levels`);
    this.#at += 1;
  }

  #leave<T>(value: T): T {
    this.#depth -= 1;
    this.#at += 1;
    return value;
  }

  #string(wanted: boolean): string | null {
    const { text } = this;
    const start = this.#at;
    let escaped = false;
    this.#at += 1;
    for (;;) {
      const unit = text.charCodeAt(this.#at);
      if (unit === QUOTE) break;
      if (unit === BACKSLASH) {
        escaped = true;
        this.#escape();
      } else if (unit >= SPACE) this.#at += 1;
      else throw this.#error('malformed string');
    }
    this.#at += 1;
    if (!wanted) return null;
    if (this.#at - start - 2 >= SLICE_COPIES_BELOW) return JSON.parse(text.slice(start, this.#at)) as string;
    return escaped ? unescaped(text, start + 1, this.#at - 1) : text.slice(start + 1, this.#at - 1);
  }

  /** Reads one escape; of a surrogate, both halves. */
  #escape(): void {
    const unit = this.#escapedUnit();
    if (unit < 0xd800 || unit > 0xdfff) return;
    const isPair = unit < 0xdc00 && this.text.charCodeAt(this.#at) === BACKSLASH;
    const second = isPair ? this.#escapedUnit() : 0;
    if (second < 0xdc00 || second > 0xdfff) throw this.#error('lone surrogate');
  }

  /** Reads one escape. Returns what `\u` names, and 0 for every other. */
  #escapedUnit(): number {
    const { text } = this;
    const kind = text.charCodeAt(this.#at + 1);
    if (kind !== LETTER_U) {
      if (!ESCAPES.has(kind)) throw this.#error('malformed string');
      this.#at += 2;
      return 0;
    }
    let unit = 0;
    for (let digit = 0; digit < 4; digit += 1) {
      const value = hexDigit(text.charCodeAt(this.#at + 2 + digit));
      if (value < 0) throw this.#error('malformed string');
      unit = unit * 16 + value;
    }
    this.#at += 6;
    return unit;
  }

  #literal<T extends null | boolean>(literal: string, value: T): T {
    if (!this.text.startsWith(literal, this.#at)) throw this.#error('expected a value');
    this.#at += literal.length;
    return value;
  }

  #number(wanted: boolean): JsonValue {
    const { text } = this;
    this.start = this.#at;
    this.negative = text.charCodeAt(this.#at) === MINUS;
    if (this.negative) this.#at += 1;
    this.mantissa = 0;
    this.digits = 0;
    this.exponent = 0;
    const whole = text.charCodeAt(this.#at);
    if (!isDigit(whole)) throw this.#error('expected a value');
    if (whole === ZERO) this.#at += 1;
    else this.#readDigits();
    this.integer = true;
    if (text.charCodeAt(this.#at) === POINT) this.#readFraction();
    const mark = text.charCodeAt(this.#at);
    if (mark === 0x65 || mark === 0x45) this.#readExponent();
    this.end = this.#at;
    if (!wanted && !mayOverflow(this)) return null;
    const value = readNumber(this);
    if (value === undefined) throw this.#error('number out of range');
    return value;
  }

  /** Adds the digits here to the mantissa; at least one must stand here. */
  #readDigits(): void {
    const { text } = this;
    const start = this.#at;
    for (let unit = text.charCodeAt(start); isDigit(unit); unit = text.charCodeAt(this.#at)) {
      this.#at += 1;
      if (this.digits === 0 && unit === ZERO) continue;
      if (this.digits < EXACT_DIGITS) this.mantissa = this.mantissa * 10 + unit - ZERO;
      this.digits += 1;
    }
    if (this.#at === start) throw this.#error('expected a digit');
  }

  #readFraction(): void {
    this.integer = false;
    this.#at += 1;
    const start = this.#at;
    this.#readDigits();
    this.exponent = start - this.#at;
  }

  #readExponent(): void {
    const { text } = this;
    this.integer = false;
    this.#at += 1;
    const sign = text.charCodeAt(this.#at);
    if (sign === MINUS || sign === PLUS) this.#at += 1;
    const start = this.#at;
    let exponent = 0;
    for (let unit = text.charCodeAt(start); isDigit(unit); unit = text.charCodeAt(this.#at)) {
      if (exponent < HUGE_EXPONENT) exponent = exponent * 10 + unit - ZERO;
      this.#at += 1;
    }
    if (this.#at === start) throw this.#error('expected a digit');
    this.exponent += sign === MINUS ? -exponent : exponent;
  }

  /** The first character that is no white space; NaN at the end. */
  #skipSpace(): number {
    const { text } = this;
    for (;;) {
      const unit = text.charCodeAt(this.#at);
      if (unit !== SPACE && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return unit;
      this.#at += 1;
    }
  }

  #error(what: string): JsonError {
    return new JsonError(`not a JSON text: ${what} at offset ${this.#at}`);
  }
}

/** A short text with escapes that are known to be right: the platform's parser would cost ten times as much. */
function unescaped(text: string, start: number, end: number): string {
  let result = '';
  for (let at = start; at < end; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit !== BACKSLASH) {
      result += String.fromCharCode(unit);
      continue;
    }
    at += 1;
    const kind = text.charCodeAt(at);
    if (kind === LETTER_U) {
      result += String.fromCharCode(Number.parseInt(text.slice(at + 1, at + 5), 16));
      at += 4;
    } else result += ESCAPES.get(kind) ?? '';
  }
  return result;
}

/**
 * Each new combination of members in an object literal's kind costs the engine a microsecond, and a peer chooses the
 * combinations; an object without prototype is a plain table from the start.
 */
function emptyObject({ others }: JsonShape): Record<string, JsonValue> {
  return others === undefined ? (Object.create(null) as Record<string, JsonValue>) : {};
}

function isDigit(unit: number): boolean {
  return unit >= ZERO && unit <= NINE;
}

/** The value of a hex digit; -1 for anything else. */
function hexDigit(unit: number): number {
  if (isDigit(unit)) return unit - ZERO;
  const letter = unit | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** An assignment to `__proto__` would change the prototype instead of adding a member. */
function setMember(object: Record<string, JsonValue>, key: string, value: JsonValue): void {
  if (key !== '__proto__') {
    object[key] = value;
    return;
  }
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}
