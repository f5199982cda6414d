/**
 * A number whose text is not an integer although its value is one: `1.0`, `1e3`, `-0`, integers beyond 64 bits. Integer
 * fields refuse it, as the reference does, and it is written back as a float. Fractions are plain numbers: they cannot
 * be taken for an integer.
 */
export class JsonFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }

  valueOf(): number {
    return this.value;
  }
}

/**
 * What `parseJson` yields. A whole `number` was spelled as an integer of at most 2^53 - 1; larger ones, up to the ranges
 * of i64 and u64, are `bigint`. An object of which only some members were wanted has no prototype.
 */
export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | JsonFloat
  | readonly JsonValue[]
  | JsonObject;

/** A JSON object as `parseJson` gives it. */
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** True for what was written with braces. */
export function isJsonObject(value: unknown): value is JsonObject {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof JsonFloat)
  );
}
