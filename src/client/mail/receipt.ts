import { utf8 } from '../../protocol/bytes.ts';
import type { JsonObject } from '../../protocol/json/json.ts';
import { type JsonDocument, plainDocument } from '../values/plain-json.ts';
import { serialMember } from '../values/wire-values.ts';

/** The server's answer to a frame. */
export interface Receipt {
  readonly channel: number;
  /** The frame's sequence. */
  readonly sequence: number;
  /**
   * Devices that get the frame, this one not counted; 0: nobody else takes part yet. Undefined where the server does not
   * say: older servers, frames that are not stored, and frames whose ACK was lost with its connection.
   */
  readonly stored: number | undefined;
  /** Devices that will not get the frame because their mailboxes are full (PROTOCOL.md 7.5). */
  readonly notStored: number;
  /** The whole ACK where it says more than numbers, e.g. `group_id` (PROTOCOL.md 5.7). */
  readonly acknowledgement: JsonDocument | undefined;
}

/** What an ACK says. */
export interface Acknowledgement {
  readonly ack: number | undefined;
  readonly stored: number | undefined;
  readonly notStored: number | undefined;
  readonly document: JsonDocument | undefined;
}

/** An ACK that says more than numbers. */
export function acknowledgementOf(object: JsonObject): Acknowledgement {
  return {
    ack: serialMember(object, 'ack'),
    stored: serialMember(object, 'stored'),
    notStored: serialMember(object, 'not_stored'),
    document: plainDocument(object),
  };
}

const KEYS = [
  ['ack', utf8('"ack":')],
  ['stored', utf8('"stored":')],
  ['notStored', utf8('"not_stored":')],
] as const;
const [OPEN, CLOSE, COMMA, ZERO] = [0x7b, 0x7d, 0x2c, 0x30];
const MAX_DIGITS = 10;

/**
 * The numbers of an ACK in its compact form, `{"ack":n,"stored":k}` for example; undefined for any other spelling or
 * content. One of these comes back for every message, and reading it as JSON costs more than all the rest of its way.
 */
export function plainAckOf(payload: Uint8Array): Acknowledgement | undefined {
  if (payload[0] !== OPEN) return undefined;
  const numbers: Partial<Record<(typeof KEYS)[number][0], number>> = {};
  let at = 0;
  do {
    at += 1;
    const key = KEYS.find(([, text]) => text.every((byte, index) => payload[at + index] === byte));
    if (key === undefined) return undefined;
    const [name, text] = key;
    at += text.length;
    const end = endOfDigits(payload, at);
    if (end === at || end - at > MAX_DIGITS) return undefined;
    numbers[name] = numberIn(payload, at, end);
    at = end;
  } while (payload[at] === COMMA);
  if (payload[at] !== CLOSE || at !== payload.length - 1 || numbers.ack === undefined) return undefined;
  const { ack, stored, notStored } = numbers;
  return { ack, stored, notStored, document: undefined };
}

function endOfDigits(payload: Uint8Array, start: number): number {
  let end = start;
  for (let byte = payload[end]; byte !== undefined && byte >= ZERO && byte <= ZERO + 9; byte = payload[end]) {
    end += 1;
  }
  return end;
}

function numberIn(payload: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at += 1) value = value * 10 + (payload[at] ?? 0) - ZERO;
  return value;
}
