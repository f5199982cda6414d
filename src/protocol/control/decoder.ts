import type { Static, TSchema } from 'typebox';
import { type JsonShape, LEAF, membersOf, TEXT } from '../json/json-shape.ts';
import { isJsonObject, JsonFloat, type JsonObject, type JsonValue } from '../json/json-value.ts';
import { ControlError } from './control-error.ts';

/**
 * Turns parsed JSON into the structure of a schema: checked, unknown keys left out, defaults filled in. Throws
 * ControlError.
 */
export type Decoder<T> = (value: JsonValue, path?: string) => T;

type Read = (value: JsonValue, path: string) => unknown;

/** The keywords of `schema.ts`. */
interface Keywords {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Keywords>>;
  readonly items?: Keywords;
  readonly maxItems?: number;
  readonly anyOf?: readonly Keywords[];
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: JsonValue;
}

/**
 * A reader of our own instead of typebox's validator, because the wire differs from JSON Schema in what a number is
 * (`1.0` is no integer, u64 is a bigint) and because one pass checks, fills in and names the place of an error.
 */
export function decoder<T extends TSchema>(schema: T): Decoder<Static<T>> {
  const read = reader(schema as Keywords);
  return (value, path = '') => read(value, path) as Static<T>;
}

/** What the decoder of a schema looks at; where any JSON may stand, only whether something does. */
export function shapeOf(schema: TSchema): JsonShape {
  return shapeOfKeywords(schema as Keywords);
}

function shapeOfKeywords({ anyOf, items, maxItems, properties, type }: Keywords): JsonShape {
  if (anyOf !== undefined) return shapeOfKeywords(anyOf[0] ?? {});
  if (type === 'array') {
    // One more than allowed shows that there are too many.
    return { items: shapeOfKeywords(items ?? {}), ...(maxItems === undefined ? {} : { most: maxItems + 1 }) };
  }
  if (type === 'string') return TEXT;
  if (type !== 'object') return LEAF;
  const members = Object.entries(properties ?? {});
  return membersOf(Object.fromEntries(members.map(([key, schema]) => [key, shapeOfKeywords(schema)])));
}

function reader(schema: Keywords): Read {
  if (schema.anyOf !== undefined) return nullableReader(schema.anyOf);
  if (schema.enum !== undefined) return choiceReader(schema.enum);
  switch (schema.type) {
    case 'object':
      return objectReader(schema.properties ?? {});
    case 'array':
      return arrayReader(reader(schema.items ?? {}), schema.maxItems ?? Number.POSITIVE_INFINITY);
    case 'integer':
      return integerReader(schema.minimum ?? 0, schema.maximum ?? Number.MAX_SAFE_INTEGER);
    case 'number':
      return readNumber;
    case 'string':
      return primitiveReader('string', 'a string');
    case 'boolean':
      return primitiveReader('boolean', 'true or false');
    default:
      return (value) => value;
  }
}

function objectReader(properties: Readonly<Record<string, Keywords>>): Read {
  const members = Object.entries(properties).map(
    ([key, schema]) =>
      ({
        key,
        inherited: key in Object.prototype,
        fresh: freshDefault(schema.default),
        required: schema.default === undefined,
        read: reader(schema),
      }) as const,
  );
  // Copied for each structure: setting its members one by one costs more than reading them.
  const preset = Object.fromEntries(Object.entries(properties).map(([key, schema]) => [key, schema.default]));
  return (value, path) => {
    const object = expectObject(value, path);
    const result: Record<string, unknown> = { ...preset };
    const prefix = path === '' ? '' : `${path}.`;
    for (const { key, inherited, fresh, required, read } of members) {
      const member = inherited ? ownMember(object, key) : object[key];
      if (member !== undefined) result[key] = read(member, prefix + key);
      else if (required) throw new ControlError(prefix + key, 'is missing');
      else if (fresh !== undefined) result[key] = fresh();
    }
    return result;
  };
}

/** For a default that is an array or an object: one of its own for each structure. */
function freshDefault(preset: JsonValue | undefined): (() => unknown) | undefined {
  if (typeof preset !== 'object' || preset === null) return undefined;
  if (Array.isArray(preset) && preset.length === 0) return () => [];
  return () => structuredClone(preset);
}

function arrayReader(read: Read, most: number): Read {
  return (value, path) => {
    if (!Array.isArray(value)) throw new ControlError(path, 'expected an array');
    if (value.length > most) throw new ControlError(path, `more than ${most} entries`);
    return value.map((entry: JsonValue, index) => read(entry, `${path}[${index}]`));
  };
}

function nullableReader(choices: readonly Keywords[]): Read {
  const [first] = choices;
  const read = reader(first ?? {});
  return (value, path) => (value === null ? null : read(value, path));
}

function choiceReader(choices: readonly string[]): Read {
  const allowed = new Set<JsonValue>(choices);
  return (value, path) => {
    if (!allowed.has(value)) throw new ControlError(path, `expected one of ${choices.join(', ')}`);
    return value;
  };
}

function integerReader(minimum: number, maximum: number): Read {
  return (value, path) => {
    const isInteger = typeof value === 'bigint' || Number.isInteger(value);
    if (isInteger && (value as number) >= minimum && (value as number) <= maximum) return value;
    throw new ControlError(path, `expected an integer from ${minimum} to ${maximum}`);
  };
}

function readNumber(value: JsonValue, path: string): number {
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
  if (value instanceof JsonFloat) return value.value;
  throw new ControlError(path, 'expected a number');
}

function primitiveReader(type: 'string' | 'boolean', expected: string): Read {
  return (value, path) => {
    if (typeof value !== type) throw new ControlError(path, `expected ${expected}`);
    return value;
  };
}

/** Throws ControlError unless `value` is an object. */
export function expectObject(value: JsonValue, path: string): JsonObject {
  if (!isJsonObject(value)) throw new ControlError(path, 'expected an object');
  return value;
}

/** The member that the peer sent, never one that every object inherits. */
export function ownMember(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}
