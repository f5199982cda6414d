import { type RawBuilder, sql, type Transaction } from 'kysely';
import { categoryRetention } from '../../events/retention.ts';
import { COLUMN_TYPES, type ReadModels, type TableName } from './schema.ts';

/** Rows in one statement: bounds its size, and for how long the event loop is busy with making it. */
const ROWS_PER_STATEMENT = 1000;
/** 9999-12-31T23:59:59Z; later times are written as this one. */
const LAST_TIMESTAMP_MS = 253_402_300_799_000;

/** A timestamptz from Unix milliseconds. */
export function timestamp(ms: number): Date {
  return new Date(Math.min(ms, LAST_TIMESTAMP_MS));
}

/** Rows of events recorded at or before this time go, as the log drops the events; `undefined`: it keeps them. */
export function retainedSince(category: string, horizon: number): Date | undefined {
  const { maxAge } = categoryRetention(category);
  return maxAge === undefined ? undefined : timestamp(horizon - maxAge * 1000);
}

/** PostgreSQL text cannot hold U+0000, a client's string can: without this a display name could stop a projection. */
export function text(value: string): string {
  return value.includes('\0') ? value.replaceAll('\0', '\uFFFD') : value;
}

export function nullableText(value: string | null): string | null {
  return value === null ? null : text(value);
}

/** For jsonb columns; jsonb refuses the escape \u0000 too. */
export function json(value: readonly string[]): string {
  return JSON.stringify(value.map(text));
}

/**
 * `unnest` of one array parameter per column: the statement's text does not depend on the number of rows, and building
 * it costs the same for one row and for thousands.
 */
export function columnArrays<T extends TableName>(
  table: T,
  rows: readonly ReadModels[T][],
): { readonly names: RawBuilder<unknown>; readonly arrays: RawBuilder<unknown> } {
  const columns = Object.entries<string>(COLUMN_TYPES[table]);
  return {
    names: sql.join(columns.map(([name]) => sql.ref(name))),
    arrays: sql`unnest(${sql.join(
      columns.map(([name, type]) => {
        const values = rows.map((row) => (row as unknown as Readonly<Record<string, unknown>>)[name]);
        return sql`${values}::${sql.raw(type)}[]`;
      }),
    )})`,
  };
}

/** Takes from `items` only as the chunks are asked for. */
export function* chunksOf<Item>(
  items: Iterable<Item>,
  size = ROWS_PER_STATEMENT,
): Generator<readonly Item[]> {
  let chunk: Item[] = [];
  for (const item of items) {
    chunk.push(item);
    if (chunk.length < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

/** Inserts rows that are not there yet. */
export async function insertRows<T extends TableName>(
  db: Transaction<ReadModels>,
  table: T,
  rows: readonly ReadModels[T][],
): Promise<void> {
  for (const chunk of chunksOf(rows)) {
    const { names, arrays } = columnArrays(table, chunk);
    await sql`insert into ${sql.table(table)} (${names}) select * from ${arrays}`.execute(db);
  }
}
