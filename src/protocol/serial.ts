/**
 * Serial numbers modulo 2^32 (RFC 1982): inbox numbers and upstream sequences wrap, so "greater" means "less than 2^31
 * steps ahead". See PROTOCOL.md 11.
 */

/** The number behind `value`. */
export function serialNext(value: number): number {
  return (value + 1) >>> 0;
}

/** The number before `value`. */
export function serialBefore(value: number): number {
  return (value - 1) >>> 0;
}

/** Whether `a` comes after `b`. */
export function serialAfter(a: number, b: number): boolean {
  return a !== b && (a - b) >>> 0 < 0x8000_0000;
}

/** Steps from `from` to `to`, 0 … 2^32 - 1. */
export function serialDistance(from: number, to: number): number {
  return (to - from) >>> 0;
}
