import { Value } from 'typebox/value';
import type { KeyRow } from './schema.ts';

/** What a key may hold. */
export type ConfigValue = string | number | boolean | readonly string[];

export type Checked = { readonly ok: true; readonly value: ConfigValue } | { readonly ok: false };

/**
 * Checks one value. A text is also read as the number or truth value that the key wants: the environment and `--set`
 * have only texts, and files written for the reference server quote everything.
 */
export function checkValue(row: KeyRow, value: unknown): Checked {
  const schema = row.definition.schema;
  const converted = typeof value === 'string' ? fromText(row, value) : value;
  if (!Value.Check(schema, converted)) return { ok: false };
  if (Array.isArray(converted)) return { ok: true, value: Object.freeze(converted.map(String)) };
  if (typeof converted !== 'string' && typeof converted !== 'number' && typeof converted !== 'boolean') {
    return { ok: false };
  }
  return { ok: true, value: converted };
}

function typeName(row: KeyRow): unknown {
  return 'type' in row.definition.schema ? row.definition.schema.type : undefined;
}

function fromText(row: KeyRow, value: string): unknown {
  if (typeName(row) === 'integer' && /^[+-]?\d{1,15}$/.test(value)) return Number(value);
  if (typeName(row) === 'boolean' && (value === 'true' || value === 'false')) return value === 'true';
  if (typeName(row) === 'array') return value.split(',').flatMap((item) => item.trim() || []);
  return value;
}

/** What a key allows, in words. */
export function allowedFor(row: KeyRow): string {
  const { description } = row.definition.schema as { readonly description?: string };
  return description ?? 'see docs/configuration.md';
}

/** The value as it may be shown to the operator. */
export function describeFound(row: KeyRow, value: unknown): string {
  if (row.definition.secret) {
    return typeof value === 'string'
      ? `a secret of ${value.length} characters`
      : `a secret of type ${typeof value}`;
  }
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'object') return Array.isArray(value) ? 'a list' : 'a table or date';
  const shown = JSON.stringify(value) ?? String(value);
  return shown.length > 80 ? `${shown.slice(0, 77)}...` : shown;
}
