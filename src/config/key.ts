import { type Static, type TSchema, Type } from 'typebox';
import { isNetwork } from './network.ts';

const MAX_NETWORKS = 256;
const NO_NETWORKS: readonly string[] = Object.freeze([]);

/** Where a relative path starts: at the file that names it, or, for defaults, below `storage.data_dir`. */
export type PathBase = 'file' | 'data_dir';

/** One configuration key; the table of all of them is `schema.ts`. */
export interface Key<S extends TSchema = TSchema, D = unknown> {
  /** Type and range. Its `description` says in words what is allowed. */
  readonly schema: S;
  /** `undefined`: the key may be absent, and has no value then. */
  readonly fallback: D;
  readonly required: boolean;
  /** The environment variable; `undefined`: `COMMUCAT_<SECTION>_<KEY>`. */
  readonly env: string | undefined;
  readonly doc: string;
  /** The value never appears in an error, a warning or a log line. */
  readonly secret: boolean;
  readonly path: PathBase | undefined;
}

export type KeyValue<K> =
  K extends Key<infer S, infer D> ? (D extends undefined ? Static<S> | D : Static<S>) : never;

interface Options {
  readonly env?: string;
}

function key<S extends TSchema, D>(
  schema: S,
  fallback: D,
  doc: string,
  options: Partial<Key> = {},
): Key<S, D> {
  return {
    schema,
    fallback,
    doc,
    required: options.required ?? false,
    env: options.env,
    secret: options.secret ?? false,
    path: options.path,
  };
}

export function integer(
  fallback: number,
  range: readonly [minimum: number, maximum: number],
  doc: string,
  options: Options = {},
) {
  const [minimum, maximum] = range;
  const description = `a whole number from ${minimum} to ${maximum}`;
  return key(Type.Integer({ minimum, maximum, description }), fallback, doc, options);
}

export function flag(fallback: boolean, doc: string, options: Options = {}) {
  return key(Type.Boolean({ description: 'true or false' }), fallback, doc, options);
}

export function choice<const V extends readonly string[]>(
  values: V,
  fallback: V[number],
  doc: string,
  options: Options = {},
) {
  const description = `one of ${values.map((value) => `"${value}"`).join(', ')}`;
  return key(Type.Unsafe<V[number]>(Type.Enum([...values], { description })), fallback, doc, options);
}

/** The form of a text: a pattern that it matches as a whole, and the same in words. */
export interface Form {
  readonly pattern: string;
  readonly description: string;
}

interface TextOptions extends Options {
  readonly secret?: boolean;
}

export function text(form: Form, fallback: string, doc: string, options: TextOptions = {}) {
  return key(Type.String({ ...form }), fallback, doc, options);
}

export function optionalText(form: Form, doc: string, options: TextOptions = {}) {
  return key(Type.String({ ...form }), undefined, doc, options);
}

export function requiredText(form: Form, doc: string, options: TextOptions = {}) {
  return key(Type.String({ ...form }), '', doc, { ...options, required: true });
}

/** Addresses and networks in CIDR notation. In the file a list, elsewhere one text with commas. */
export function networks(doc: string, options: Options = {}) {
  const description = `a list of at most ${MAX_NETWORKS} addresses or networks, such as "10.0.0.0/8" or "fd00::1"`;
  const items = Type.Array(Type.Refine(Type.String(), isNetwork), { maxItems: MAX_NETWORKS, description });
  return key(Type.Unsafe<readonly string[]>(items), NO_NETWORKS, doc, options);
}

const PATH: Form = { pattern: '^[^\\0]+$', description: 'a path, relative to this file or absolute' };

export function path(fallback: string, base: PathBase, doc: string, options: Options = {}) {
  return key(Type.String({ ...PATH }), fallback, doc, { ...options, path: base });
}

export function requiredPath(doc: string, options: Options = {}) {
  return key(Type.String({ ...PATH }), '', doc, { ...options, path: 'file', required: true });
}
