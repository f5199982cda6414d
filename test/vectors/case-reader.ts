import { fromHex } from '../../src/protocol/bytes.ts';
import { isJsonObject } from '../../src/protocol/json/json-value.ts';

/** One case of a vector file, with field access that fails loudly when the file is not what we think it is. */
export class CaseReader {
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(value: unknown) {
    if (!isJsonObject(value)) throw new TypeError('a vector case is an object');
    this.#fields = value;
  }

  has(field: string): boolean {
    return this.#fields[field] !== undefined && this.#fields[field] !== null;
  }

  text(field: string): string {
    const value = this.#fields[field];
    if (typeof value !== 'string') throw new TypeError(`vector field ${field} is not a string`);
    return value;
  }

  hex(field: string): Uint8Array {
    return fromHex(this.text(field));
  }

  flag(field: string): boolean {
    const value = this.#fields[field];
    if (typeof value !== 'boolean') throw new TypeError(`vector field ${field} is not a boolean`);
    return value;
  }

  number(field: string): number {
    const value = this.#fields[field];
    if (typeof value !== 'number') throw new TypeError(`vector field ${field} is not a number`);
    return value;
  }

  raw(field: string): unknown {
    return this.#fields[field];
  }

  list(field: string): readonly CaseReader[] {
    return this.values(field).map((value) => new CaseReader(value));
  }

  values(field: string): readonly unknown[] {
    const value = this.#fields[field];
    if (!Array.isArray(value)) throw new TypeError(`vector field ${field} is not an array`);
    return value;
  }
}
