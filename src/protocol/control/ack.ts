import { LEAF, membersOf } from '../json/json-shape.ts';
import type { JsonValue } from '../json/json-value.ts';
import { LIMITS } from '../limits.ts';
import { ControlError } from './control-error.ts';
import { ownMember } from './decoder.ts';
import { lenientObject } from './members.ts';

/** ACK from a client: everything up to this inbox number is processed. PROTOCOL.md 11.2. */
export interface Ack {
  readonly ack: number;
}

/** What `parseAck` looks at. */
export const ACK_SHAPE = membersOf({ ack: LEAF });

/** Throws ControlError unless `ack` is an integer in 0 … 2^32 - 1. */
export function parseAck(value: JsonValue): Ack {
  const ack = ownMember(lenientObject(value), 'ack');
  if (typeof ack !== 'number' || !Number.isInteger(ack) || ack < 0 || ack > LIMITS.MAX_SEQUENCE) {
    throw new ControlError('ack', `expected an integer from 0 to ${LIMITS.MAX_SEQUENCE}`);
  }
  return { ack };
}
