/**
 * What of a JSON text its reader wants to have. Whatever the shape, the whole text is checked; what is not wanted is not
 * built. Texts, numbers, `true`, `false` and `null` at a wanted place are always built, arrays and objects without the
 * parts that nobody wants.
 *
 * A peer can fill a quarter of a MiB with arrays, objects and keys that mean nothing, and building them costs ten times
 * what reading them does. PROTOCOL.md 1.4.
 */
export interface JsonShape {
  /** The wanted members of an object, by key. */
  readonly members?: ReadonlyMap<string, JsonShape>;
  /** The shape of all other members. @default they are not wanted */
  readonly others?: JsonShape;
  /** The shape of an array's entries. @default they are not wanted */
  readonly items?: JsonShape;
  /** Only a text is wanted here; a number is checked and not built. */
  readonly textOnly?: true;
  /** So many of the other members, or entries, are built at most; whoever reads them refuses as many. @default all */
  readonly most?: number;
}

class Everything implements JsonShape {
  readonly others = this;
  readonly items = this;
}

/** The whole document. Not for texts of peers that have proved nothing. */
export const EVERYTHING: JsonShape = new Everything();

/** A place where no member and no entry is wanted. */
export const LEAF: JsonShape = {};

/** A place where only a text is wanted. */
export const TEXT: JsonShape = { textOnly: true };

/** An array of texts. */
export const TEXTS: JsonShape = { items: TEXT };

/** An object's shape, from its wanted members. */
export function membersOf(members: Readonly<Record<string, JsonShape>>): JsonShape {
  return { members: new Map(Object.entries(members)) };
}
