/** Entries that the layer on top may hold however small the map is. */
const SMALLEST_LAYER = 16;

/** Marks a key that the layer on top takes out of the one below. */
const REMOVED = Symbol('removed');

type Layer<Key, Value> = ReadonlyMap<Key, Value | typeof REMOVED>;

/**
 * A map that never changes: `with` and `without` return a new one. Folding n events into a map of n entries must not
 * copy all of it n times, so a change copies only a layer of about sqrt(n) entries above a shared base; a full layer
 * becomes part of a new base.
 */
export class PersistentMap<Key, Value> implements Iterable<readonly [Key, Value]> {
  readonly #base: ReadonlyMap<Key, Value>;
  readonly #layer: Layer<Key, Value>;
  readonly size: number;

  private constructor(base: ReadonlyMap<Key, Value>, layer: Layer<Key, Value>, size: number) {
    this.#base = base;
    this.#layer = layer;
    this.size = size;
  }

  static of<Key, Value>(entries: Iterable<readonly [Key, Value]>): PersistentMap<Key, Value> {
    const base = new Map(entries);
    return new PersistentMap(base, new Map(), base.size);
  }

  static empty<Key, Value>(): PersistentMap<Key, Value> {
    return new PersistentMap<Key, Value>(new Map(), new Map(), 0);
  }

  get(key: Key): Value | undefined {
    const above = this.#layer.get(key);
    if (above === undefined) return this.#base.get(key);
    return above === REMOVED ? undefined : above;
  }

  has(key: Key): boolean {
    return this.#layer.has(key) ? this.#layer.get(key) !== REMOVED : this.#base.has(key);
  }

  with(entries: Iterable<readonly [Key, Value]>): PersistentMap<Key, Value> {
    const layer = new Map(this.#layer);
    let { size } = this;
    for (const [key, value] of entries) {
      const above = layer.get(key);
      size += above === REMOVED || (above === undefined && !this.#base.has(key)) ? 1 : 0;
      layer.set(key, value);
    }
    return this.#settled(layer, size);
  }

  without(keys: Iterable<Key>): PersistentMap<Key, Value> {
    const layer = new Map(this.#layer);
    let { size } = this;
    for (const key of keys) {
      const above = layer.get(key);
      if (above === undefined ? this.#base.has(key) : above !== REMOVED) {
        layer.set(key, REMOVED);
        size -= 1;
      }
    }
    return this.#settled(layer, size);
  }

  *keys(): Generator<Key> {
    for (const [key] of this) yield key;
  }

  /** Keys in the order in which they came, except that a changed entry may move back. */
  *[Symbol.iterator](): Generator<readonly [Key, Value]> {
    for (const entry of this.#base) {
      if (!this.#layer.has(entry[0])) yield entry;
    }
    for (const [key, value] of this.#layer) {
      if (value !== REMOVED) yield [key, value];
    }
  }

  #settled(layer: Layer<Key, Value>, size: number): PersistentMap<Key, Value> {
    if (layer.size <= Math.max(SMALLEST_LAYER, Math.sqrt(this.#base.size))) {
      return new PersistentMap(this.#base, layer, size);
    }
    const base = new Map(this.#base);
    for (const [key, value] of layer) {
      if (value === REMOVED) {
        base.delete(key);
      } else {
        base.set(key, value);
      }
    }
    return new PersistentMap<Key, Value>(base, new Map(), size);
  }
}
