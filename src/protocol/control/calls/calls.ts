import { type JsonShape, TEXTS } from '../../json/json-shape.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../json/json-value.ts';
import { ControlError } from '../control-error.ts';
import { type Decoder, decoder, expectObject, ownMember, shapeOf } from '../decoder.ts';
import {
  CallAnswer,
  CallEnd,
  CallOffer,
  CallStats,
  type CallTransportUpdate,
  TransportUpdateCandidate,
  TransportUpdateConsent,
  TransportUpdateSelectedPair,
} from './call-schema.ts';

const offer = decoder(CallOffer);
const answer = decoder(CallAnswer);
const end = decoder(CallEnd);
const stats = decoder(CallStats);

const UPDATES: ReadonlyMap<JsonValue | undefined, Decoder<CallTransportUpdate>> = new Map<
  JsonValue | undefined,
  Decoder<CallTransportUpdate>
>([
  ['candidate', decoder(TransportUpdateCandidate)],
  ['selected_candidate_pair', decoder(TransportUpdateSelectedPair)],
  ['consent_keepalive', decoder(TransportUpdateConsent)],
]);

/** What the parsers below look at. */
export const CALL_OFFER_SHAPE = withTransportAlias(shapeOf(CallOffer));
/** The keys of CALL_ANSWER. */
export const CALL_ANSWER_SHAPE = withTransportAlias(shapeOf(CallAnswer));
/** The keys of CALL_END. */
export const CALL_END_SHAPE = shapeOf(CallEnd);
/** The keys of CALL_STATS. */
export const CALL_STATS_SHAPE = shapeOf(CallStats);
/** The keys of TRANSPORT_UPDATE, all of its kinds. */
export const TRANSPORT_UPDATE_SHAPE = together(
  shapeOf(TransportUpdateCandidate),
  shapeOf(TransportUpdateSelectedPair),
  shapeOf(TransportUpdateConsent),
);

/** CALL_OFFER, PROTOCOL.md 5.18. An empty `call_id` is the decider's to refuse. Throws ControlError. */
export function parseCallOffer(value: JsonValue): CallOffer {
  return offer(withoutTransportAlias(value));
}

/** CALL_ANSWER, PROTOCOL.md 5.19. Throws ControlError. */
export function parseCallAnswer(value: JsonValue): CallAnswer {
  return answer(withoutTransportAlias(value));
}

/** CALL_END, PROTOCOL.md 5.20. Throws ControlError. */
export function parseCallEnd(value: JsonValue): CallEnd {
  return end(value);
}

/** CALL_STATS, PROTOCOL.md 5.22. Throws ControlError. */
export function parseCallStats(value: JsonValue): CallStats {
  return stats(value);
}

/** TRANSPORT_UPDATE, PROTOCOL.md 5.23. Keys of the other kinds of update are ignored. Throws ControlError. */
export function parseCallTransportUpdate(value: JsonValue): CallTransportUpdate {
  const update = UPDATES.get(ownMember(expectObject(value, ''), 'update'));
  if (update === undefined) {
    throw new ControlError('update', 'expected one of candidate, selected_candidate_pair, consent_keepalive');
  }
  return update(value);
}

/** Older peers call the list of candidates `udp_candidates`. Both names at once are a duplicate key. */
function withoutTransportAlias(value: JsonValue): JsonValue {
  if (!isJsonObject(value)) return value;
  const transport = ownMember(value, 'transport');
  if (transport === undefined || !isJsonObject(transport)) return value;
  const older = ownMember(transport, 'udp_candidates');
  if (older === undefined) return value;
  if (Object.hasOwn(transport, 'candidates')) {
    throw new ControlError('transport.candidates', 'stands beside its older name udp_candidates');
  }
  const renamed: JsonObject = { ...transport, candidates: older };
  return { ...value, transport: renamed };
}

/** The shape with `transport.udp_candidates` beside `transport.candidates`. */
function withTransportAlias({ members = new Map() }: JsonShape): JsonShape {
  const transport = members.get('transport')?.members ?? new Map<string, JsonShape>();
  const candidates = transport.get('candidates') ?? TEXTS;
  const both = new Map([...transport, ['udp_candidates', candidates]]);
  return { members: new Map([...members, ['transport', { members: both }]]) };
}

/** What any of these structures has. */
function together(...shapes: readonly JsonShape[]): JsonShape {
  return { members: new Map(shapes.flatMap(({ members }) => [...(members ?? [])])) };
}
