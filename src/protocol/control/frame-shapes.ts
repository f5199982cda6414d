import { FRAME, type FrameName } from '../frames/frame-types.ts';
import type { JsonShape } from '../json/json-shape.ts';
import { LEAF } from '../json/json-shape.ts';
import { ACK_SHAPE } from './ack.ts';
import {
  CALL_ANSWER_SHAPE,
  CALL_END_SHAPE,
  CALL_OFFER_SHAPE,
  CALL_STATS_SHAPE,
  TRANSPORT_UPDATE_SHAPE,
} from './calls/calls.ts';
import { GROUP_CREATE_SHAPE, GROUP_DOCUMENT_SHAPE, GROUP_INVITE_SHAPE } from './groups.ts';
import { CLIENT_AUTH_SHAPE, HELLO_SHAPE } from './hello.ts';
import { JOIN_SHAPE } from './join.ts';
import { PRESENCE_SHAPE } from './presence.ts';

/** The other types with JSON are only checked. */
const SHAPES: Partial<Record<FrameName, JsonShape>> = {
  HELLO: HELLO_SHAPE,
  AUTH: CLIENT_AUTH_SHAPE,
  JOIN: JOIN_SHAPE,
  ACK: ACK_SHAPE,
  PRESENCE: PRESENCE_SHAPE,
  GROUP_CREATE: GROUP_CREATE_SHAPE,
  GROUP_INVITE: GROUP_INVITE_SHAPE,
  GROUP_EVENT: GROUP_DOCUMENT_SHAPE,
  CALL_OFFER: CALL_OFFER_SHAPE,
  CALL_ANSWER: CALL_ANSWER_SHAPE,
  CALL_END: CALL_END_SHAPE,
  CALL_STATS: CALL_STATS_SHAPE,
  TRANSPORT_UPDATE: TRANSPORT_UPDATE_SHAPE,
};

const BY_CODE = new Map<number, JsonShape>(
  Object.entries(SHAPES).map(([name, shape]) => [FRAME[name as FrameName], shape]),
);

/** What a server reads of a client's JSON frame of this type; the rest is checked and not built. PROTOCOL.md 1.4. */
export function frameShape(type: number): JsonShape {
  return BY_CODE.get(type) ?? LEAF;
}
