import { CommuCatError } from '../../ports/commucat-error.ts';
import { AUDIO_CODECS, MEDIA_SOURCES, VIDEO_CODECS } from '../control/calls/media-schema.ts';
import { ControlError } from '../control/control-error.ts';
import { type Decoder, decoder, ownMember, shapeOf } from '../control/decoder.ts';
import { type FrameName, frameTypeOf } from '../frames/frame-types.ts';
import {
  isJsonObject,
  type JsonObject,
  type JsonShape,
  type JsonValue,
  LEAF,
  membersOf,
  parseJson,
} from '../json/json.ts';
import {
  OlderCallAnswer,
  OlderCallEnd,
  OlderCallOffer,
  OlderCallStats,
  OPUS_SAMPLE_RATES,
} from './older-schema.ts';

/**
 * What the clients of wire generation G1 survive. They end, or lose the rest of their receive buffer, over frames that
 * they do not understand, so a server must not send those. PROTOCOL.md 10.3.
 */

const offer = decoder(OlderCallOffer);
const answer = decoder(OlderCallAnswer);
const end = decoder(OlderCallEnd);
const stats = decoder(OlderCallStats);

type Readable = (payload: Uint8Array) => boolean;

const ANY = (): boolean => true;

/** TRANSPORT_UPDATE is missing on purpose: it came after G1. */
const READABLE: Partial<Record<FrameName, Readable>> = {
  HELLO: json(ANY),
  AUTH: json(ANY),
  JOIN: json(isJsonObject),
  LEAVE: json(ANY),
  MSG: isReadableText,
  ACK: json(ANY),
  TYPING: text(['device', 'device_id', 'sender']),
  PRESENCE: text(['entity']),
  // Opaque to these clients, whatever it is to others.
  KEY_UPDATE: ANY,
  GROUP_CREATE: json(isJsonObject),
  GROUP_INVITE: text(['group_id'], ['device', 'member']),
  GROUP_EVENT: json(ANY),
  ERROR: json(ANY),
  CALL_OFFER: json(
    fits((value) => playable(offer(value).media)),
    shapeOf(OlderCallOffer),
  ),
  CALL_ANSWER: json(
    fits((value) => playable(answer(value).media)),
    shapeOf(OlderCallAnswer),
  ),
  CALL_END: json(fits(accepts(end)), shapeOf(OlderCallEnd)),
  VOICE_FRAME: (payload) => !hasMediaHeader(payload, AUDIO_CODECS.length),
  VIDEO_FRAME: (payload) => !hasMediaHeader(payload, VIDEO_CODECS.length),
  CALL_STATS: json(fits(accepts(stats)), shapeOf(OlderCallStats)),
};

/** False when a frame of this type with this payload would end or confuse a client of generation G1. */
export function isReadableByOlderClient(type: number, payload: Uint8Array): boolean {
  const known = frameTypeOf(type);
  return known !== undefined && (READABLE[known.name]?.(payload) ?? false);
}

/** A payload that is not JSON at all is a decode error there. */
function json(test: (value: JsonValue) => boolean, shape: JsonShape = LEAF): Readable {
  return (payload) => {
    const value = tryParse(payload, shape);
    return value !== undefined && test(value);
  };
}

/** An object in which of each of these lists one member is a text. */
function text(...choices: ReadonlyArray<readonly string[]>): Readable {
  const shape = membersOf(Object.fromEntries(choices.flat().map((key) => [key, LEAF])));
  return json((value) => choices.every((keys) => hasText(value, keys)), shape);
}

function tryParse(payload: Uint8Array, shape: JsonShape): JsonValue | undefined {
  try {
    return parseJson(payload, shape);
  } catch (error) {
    if (error instanceof CommuCatError) return undefined;
    throw error;
  }
}

function fits(test: (value: JsonValue) => boolean): (value: JsonValue) => boolean {
  return (value) => {
    try {
      return test(value);
    } catch (error) {
      if (error instanceof ControlError) return false;
      throw error;
    }
  };
}

function accepts(decode: Decoder<unknown>): (value: JsonValue) => boolean {
  return (value) => {
    decode(value);
    return true;
  };
}

function playable(media: { readonly audio: { readonly sample_rate: number } } | null): boolean {
  return media === null || OPUS_SAMPLE_RATES.includes(media.audio.sample_rate);
}

function hasText(value: JsonValue, keys: readonly string[]): boolean {
  return isJsonObject(value) && keys.some((key) => typeof ownMember(value as JsonObject, key) === 'string');
}

/**
 * These clients expect bare codec packets; the three header bytes of PROTOCOL.md 5.26 would reach their decoder. A bare
 * Opus packet that starts with 01, 00 … 02 and a codec id (two tiny 10 ms frames of narrowband speech) is taken for a
 * header and lost: one lost packet is better than an ended client.
 */
function hasMediaHeader(payload: Uint8Array, codecs: number): boolean {
  const [version, source, codec] = payload;
  if (version === undefined || source === undefined || codec === undefined) return false;
  return version === 1 && source < MEDIA_SOURCES.length && codec < codecs;
}

const CUT_AT_BYTE = 64;

/**
 * The client cuts a text of unknown sender at byte 64 and ends when a character lies across that edge. Such a message is
 * withheld: the alternative is a client that ends again at every redelivery of it. JSON objects carry a sender, and what
 * is not UTF-8 is replaced before it is cut; both are sent.
 */
function isReadableText(payload: Uint8Array): boolean {
  const edge = payload[CUT_AT_BYTE];
  const isInsideCharacter = edge !== undefined && (edge & 0xc0) === 0x80;
  if (!isInsideCharacter) return true;
  return !isUtf8(payload) || isJsonObject(tryParse(payload, LEAF) ?? null);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function isUtf8(bytes: Uint8Array): boolean {
  try {
    utf8.decode(bytes);
    return true;
  } catch {
    return false;
  }
}
