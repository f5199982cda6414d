import { sql, type Transaction } from 'kysely';
import { insertRows } from '../tables/rows.ts';
import type { ReadModels } from '../tables/schema.ts';

/**
 * The member rows of one channel or group while a batch is folded into them, changed in place: a batch costs what it
 * changes, however many members there are.
 */
export class MemberRows<Row extends { readonly device_id: string }> implements Iterable<Row> {
  readonly #rows = new Map<string, Row>();
  readonly #changed = new Set<string>();
  /** The channel or group begins in this batch: what the database has of its key is of an earlier one. */
  readonly isNew: boolean;

  constructor(about: { readonly isNew: boolean }) {
    this.isNew = about.isNew;
  }

  [Symbol.iterator](): Iterator<Row> {
    return this.#rows.values();
  }

  /** Devices whose rows in the database are not what they are here. */
  get changed(): string[] {
    return [...this.#changed];
  }

  /** The rows of the changed devices, once those in the database are gone. */
  get toInsert(): Row[] {
    return this.changed.flatMap((device) => this.#rows.get(device) ?? []);
  }

  /** A row as it is in the database. */
  load(row: Row): void {
    this.#rows.set(row.device_id, row);
  }

  get(device: string): Row | undefined {
    return this.#rows.get(device);
  }

  put(row: Row): void {
    this.#rows.set(row.device_id, row);
    this.#changed.add(row.device_id);
  }

  /** No effect for a device without a row. */
  change(device: string, fields: Partial<Row>): void {
    const row = this.#rows.get(device);
    if (row !== undefined) this.put({ ...row, ...fields });
  }

  remove(device: string): void {
    this.#rows.delete(device);
    this.#changed.add(device);
  }

  clear(): void {
    for (const device of this.#rows.keys()) this.#changed.add(device);
    this.#rows.clear();
  }
}

/** Writes what has changed. `members`: by the key of their channel or group. */
export async function storeMembers<T extends 'channel_members' | 'group_members'>(
  db: Transaction<ReadModels>,
  table: T,
  keyColumn: keyof ReadModels[T] & string,
  members: ReadonlyMap<string, MemberRows<ReadModels[T]>>,
): Promise<void> {
  for (const [key, { changed, isNew }] of members) {
    const whose = isNew ? sql`true` : sql`device_id = any(${changed}::text[])`;
    if (isNew || changed.length > 0) {
      await sql`delete from ${sql.table(table)} where ${sql.ref(keyColumn)} = ${key} and ${whose}`.execute(
        db,
      );
    }
  }
  await insertRows(
    db,
    table,
    [...members.values()].flatMap(({ toInsert }) => toInsert),
  );
}
