import type { NewEvent, RecordedEvent } from '../log/event-log.ts';
import { LogError } from '../log/log-error.ts';
import type { FactEvent } from './events.ts';
import { FACT_VERSIONS, type FactFields, type FactVersions } from './upcasters.ts';

const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder('utf-8', { fatal: true });

/** Encodes a fact as JSON (UTF-8) with `v`, the current version of its type. The type itself is the record's, not in the JSON. */
export function encodeFact(event: FactEvent): NewEvent {
  const { type, ...fields } = event;
  return { type, data: utf8Encoder.encode(JSON.stringify({ v: versionsOf(type).current, ...fields })) };
}

/**
 * Decodes a fact of any version that was ever written, brought up to the current one.
 *
 * @throws LogError `LOG_UNKNOWN_EVENT` for a type or version that is not in `upcasters.ts`, `LOG_MALFORMED_EVENT` when it is no JSON object.
 */
export function decodeFact(recorded: Pick<RecordedEvent, 'type' | 'data'>): FactEvent {
  return decodeFactWith(FACT_VERSIONS, recorded) as unknown as FactEvent;
}

/** `decodeFact` with a table of versions of one's own. */
export function decodeFactWith(
  table: Readonly<Record<string, FactVersions>>,
  recorded: Pick<RecordedEvent, 'type' | 'data'>,
): FactFields {
  const { type } = recorded;
  const versions = Object.hasOwn(table, type) ? table[type] : undefined;
  if (versions === undefined) throw new LogError('LOG_UNKNOWN_EVENT', `event type ${type} is not known here`);
  const { v, ...written } = parseObject(type, recorded.data);
  if (typeof v !== 'number' || !Number.isSafeInteger(v) || v < 1 || v > versions.current) {
    throw new LogError('LOG_UNKNOWN_EVENT', `event type ${type} version ${String(v)} is not known here`);
  }
  let fields: FactFields = written;
  for (let version = v; version < versions.current; version++) {
    const upcast = versions.upcasters[version];
    if (upcast === undefined) {
      throw new LogError('LOG_UNKNOWN_EVENT', `event type ${type} has no upcaster from version ${version}`);
    }
    fields = upcast(fields);
  }
  return { ...fields, type };
}

function versionsOf(type: FactEvent['type']): FactVersions {
  const versions = FACT_VERSIONS[type];
  if (versions === undefined) throw new LogError('LOG_UNKNOWN_EVENT', `event type ${type} is not known here`);
  return versions;
}

function parseObject(type: string, data: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(utf8Decoder.decode(data));
  } catch (cause) {
    throw new LogError('LOG_MALFORMED_EVENT', `${type} is not JSON`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new LogError('LOG_MALFORMED_EVENT', `${type} is not a JSON object`);
  }
  return value as Record<string, unknown>;
}
