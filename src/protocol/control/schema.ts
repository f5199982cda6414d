import { type TNull, type TSchema, type TUnion, type TUnsafe, Type } from 'typebox';
import type { JsonValue } from '../json/json-value.ts';
import { LIMITS } from '../limits.ts';

/**
 * The vocabulary of the control schemas: JSON Schema with three conventions of PROTOCOL.md 5.25, which `decoder` reads.
 * A member without a default is required. A member with a default may be absent. Only `nullable` accepts null.
 */

/** Unsigned integers by width; `64` may be a bigint. */
export const U8 = Type.Integer({ minimum: 0, maximum: 0xff });
export const U16 = Type.Integer({ minimum: 0, maximum: 0xffff });
export const U32 = Type.Integer({ minimum: 0, maximum: 0xffff_ffff });
/** 2^64 as a double: the reader of JSON has refused more than 64 bits as an integer already. */
export const U64: TUnsafe<number | bigint> = Type.Unsafe({ type: 'integer', minimum: 0, maximum: 2 ** 64 });
export const Flag = Type.Boolean({ default: false });
export const Text = Type.String();

/** May be absent or null, and is null then. */
export function nullable<T extends TSchema>(schema: T): TUnion<[T, TNull]> {
  return Type.Union([schema, Type.Null()], { default: null });
}

/** One of these texts; anything else fails the whole structure. */
export function oneOf<const T extends readonly string[]>(values: T, options: { default?: T[number] } = {}) {
  return Type.Unsafe<T[number]>({ type: 'string', enum: [...values], ...options });
}

/** May be absent, and is empty then. At most LIMITS.LIST_MAX entries. */
export function list<T extends TSchema>(items: T) {
  return Type.Array(items, { default: [], maxItems: LIMITS.LIST_MAX });
}

/** Any JSON; null when absent. */
export const Anything: TUnsafe<JsonValue> = Type.Unsafe({ default: null });
