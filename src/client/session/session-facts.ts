import { isJsonObject, type JsonValue } from '../../protocol/json/json.ts';
import { serialMember, textMember } from '../values/wire-values.ts';

/** `inbox` of the handshake's ACK (PROTOCOL.md 11.2). */
export interface InboxFacts {
  /** The last confirmation that the server remembers. */
  readonly confirmed: number;
  /** The number that the next new frame will get. */
  readonly next: number;
  /** Id of the server log's history, 32 hex digits. Undefined where the server names none. */
  readonly epoch: string | undefined;
  /** The first number that this history could give; those before it belong to what was before, too. */
  readonly since: number | undefined;
}

/** `resume` of the handshake's ACK (PROTOCOL.md 11.3). */
export interface ResumeFacts {
  /** Highest sequence of a durable frame of this device that is in the server's log. */
  readonly received: number;
  /** Durable frames that the server refused for good, by their codes. */
  readonly refused: readonly { readonly sequence: number; readonly error: string }[];
}

/** What the client keeps must not be of any length. */
const EPOCH = /^[0-9a-f]{32}$/;

export function inboxOf(value: JsonValue | undefined): InboxFacts | undefined {
  if (!isJsonObject(value)) return undefined;
  const confirmed = serialMember(value, 'confirmed');
  const next = serialMember(value, 'next');
  if (confirmed === undefined || next === undefined) return undefined;
  const epoch = textMember(value, 'epoch');
  const known = epoch !== undefined && EPOCH.test(epoch);
  return { confirmed, next, epoch: known ? epoch : undefined, since: serialMember(value, 'since') };
}

export function resumeOf(value: JsonValue | undefined): ResumeFacts | undefined {
  if (!isJsonObject(value)) return undefined;
  const received = serialMember(value, 'received');
  if (received === undefined) return undefined;
  return { received, refused: refusedOf(value.refused) };
}

function refusedOf(value: JsonValue | undefined): ResumeFacts['refused'] {
  if (!Array.isArray(value)) return [];
  return value.filter(isJsonObject).flatMap((entry) => {
    const sequence = serialMember(entry, 'sequence');
    return sequence === undefined ? [] : [{ sequence, error: textMember(entry, 'error') ?? 'unknown' }];
  });
}
