import { JsonFloat, type JsonValue } from './json-value.ts';

/** Digits of u64 max; a longer integer is a float in any case and never becomes a BigInt. */
const MAX_INTEGER_DIGITS = 20;
const MIN_I64 = -0x8000_0000_0000_0000n;
const MAX_U64 = 0xffff_ffff_ffff_ffffn;

/** A number of JSON as its text was read, its form already checked. */
export interface NumberText {
  /** Where it stands. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly negative: boolean;
  /** Digits before the exponent, without the point and leading zeros. */
  readonly digits: number;
  /** The number that they are, or the first 15 of them. */
  readonly mantissa: number;
  /** Power of ten to apply to the mantissa. */
  readonly exponent: number;
  /** Spelled without a point and an exponent. */
  readonly integer: boolean;
}

/** Digits of an integer that a double holds exactly, whatever they are. */
export const EXACT_DIGITS = 15;
/** Powers of ten that a double holds exactly. */
const EXACT_POWERS = Array.from({ length: 23 }, (_, power) => 10 ** power);

/**
 * The value of a number; undefined when it is beyond a double. Integers of 64 bits keep all digits; what is no integer by
 * its spelling, although its value is one, is marked as a JsonFloat.
 */
export function readNumber(number: NumberText): JsonValue | undefined {
  const { digits, integer, mantissa, negative } = number;
  if (integer && digits <= EXACT_DIGITS && !(negative && mantissa === 0)) {
    return negative ? -mantissa : mantissa;
  }
  const value = exactly(number) ?? Number(textOf(number));
  if (!Number.isFinite(value)) return undefined;
  if (integer && !Object.is(value, -0)) {
    if (Number.isSafeInteger(value)) return value;
    if (number.end - number.start <= MAX_INTEGER_DIGITS) {
      const exact = BigInt(textOf(number));
      if (exact >= MIN_I64 && exact <= MAX_U64) return exact;
    }
  }
  return Number.isInteger(value) ? new JsonFloat(value) : value;
}

/** Digits before the point of the largest double, 1.797…e308. */
const LARGEST_DIGITS = 309;
const LARGEST_BEGINS = 1.79;

/** Whether a number may be beyond a double, so that only its value tells. */
export function mayOverflow({ digits, exponent, mantissa }: NumberText): boolean {
  if (digits === 0 || digits + exponent < LARGEST_DIGITS) return false;
  const kept = Math.min(digits, EXACT_DIGITS);
  return digits + exponent > LARGEST_DIGITS || mantissa / 10 ** (kept - 1) > LARGEST_BEGINS;
}

/** One multiplication or division of two exact doubles rounds correctly, and costs a tenth of reading the text again. */
function exactly({ digits, exponent, mantissa, negative }: NumberText): number | undefined {
  if (digits > EXACT_DIGITS) return undefined;
  const power = EXACT_POWERS[Math.abs(exponent)];
  if (power === undefined) return undefined;
  const value = exponent < 0 ? mantissa / power : mantissa * power;
  return negative ? -value : value;
}

function textOf({ end, start, text }: NumberText): string {
  return text.slice(start, end);
}
