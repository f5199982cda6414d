import { type Static, Type } from 'typebox';
import { LIMITS } from '../../limits.ts';
import { Anything, nullable, oneOf, Text, U16, U32, U64 } from '../schema.ts';
import {
  AudioCodec,
  CallMediaProfile,
  HardwareAcceleration,
  MediaSource,
  MediaStreamStats,
  OfferedMediaProfile,
  VideoCodec,
} from './media-schema.ts';
import { CallTransport, TransportCandidate, TransportCandidateRef } from './transport-schema.ts';

/** The payloads of the call frames: PROTOCOL.md 5.25. */

/** Why a call was not accepted (PROTOCOL.md 5.19). */
export const CALL_REJECT_REASONS = ['busy', 'decline', 'unsupported', 'timeout', 'error'] as const;
/** Why a call ended (PROTOCOL.md 5.20). */
export const CALL_END_REASONS = ['hangup', 'cancel', 'failure', 'timeout'] as const;
/** The direction that statistics of a call speak of, seen from who sends them. */
export const MEDIA_DIRECTIONS = ['send', 'receive'] as const;

/** CALL_OFFER (PROTOCOL.md 5.18). */
export const CallOffer = Type.Object({
  call_id: Text,
  from: Text,
  to: Type.Array(Text, { maxItems: LIMITS.MEMBERS_MAX }),
  media: OfferedMediaProfile,
  metadata: Anything,
  transport: nullable(CallTransport),
  expires_at: nullable(U64),
  ephemeral_key: nullable(Text),
});
/** CALL_OFFER (PROTOCOL.md 5.18). */
export type CallOffer = Static<typeof CallOffer>;

/** CALL_ANSWER (PROTOCOL.md 5.19). */
export const CallAnswer = Type.Object({
  call_id: Text,
  accept: Type.Boolean(),
  media: nullable(CallMediaProfile),
  transport: nullable(CallTransport),
  reason: nullable(oneOf(CALL_REJECT_REASONS)),
  metadata: Anything,
  selected_audio_codec: nullable(AudioCodec),
  selected_video_codec: nullable(VideoCodec),
  audio_source: nullable(MediaSource),
  video_source: nullable(MediaSource),
  video_hardware: nullable(HardwareAcceleration),
});
/** CALL_ANSWER (PROTOCOL.md 5.19). */
export type CallAnswer = Static<typeof CallAnswer>;

/** CALL_END (PROTOCOL.md 5.20). */
export const CallEnd = Type.Object({
  call_id: Text,
  reason: oneOf(CALL_END_REASONS),
  metadata: Anything,
});
/** CALL_END (PROTOCOL.md 5.20). */
export type CallEnd = Static<typeof CallEnd>;

/** CALL_STATS (PROTOCOL.md 5.22). */
export const CallStats = Type.Object({
  call_id: Text,
  direction: oneOf(MEDIA_DIRECTIONS),
  audio: nullable(MediaStreamStats),
  video: nullable(MediaStreamStats),
  timestamp: nullable(U64),
});
/** CALL_STATS (PROTOCOL.md 5.22). */
export type CallStats = Static<typeof CallStats>;

/** TRANSPORT_UPDATE with a candidate of the sender (PROTOCOL.md 5.23). */
export const TransportUpdateCandidate = Type.Object({
  call_id: Text,
  update: oneOf(['candidate']),
  candidate: TransportCandidate,
});
/** TRANSPORT_UPDATE with the pair of candidates that was chosen. */
export const TransportUpdateSelectedPair = Type.Object({
  call_id: Text,
  update: oneOf(['selected_candidate_pair']),
  local: TransportCandidateRef,
  remote: TransportCandidateRef,
  rtt_ms: nullable(U32),
});
/** TRANSPORT_UPDATE that says that the path is still wanted. */
export const TransportUpdateConsent = Type.Object({
  call_id: Text,
  update: oneOf(['consent_keepalive']),
  interval_secs: nullable(U16),
});
/** Flat: `update` tells which keys belong to it. */
export type CallTransportUpdate =
  | Static<typeof TransportUpdateCandidate>
  | Static<typeof TransportUpdateSelectedPair>
  | Static<typeof TransportUpdateConsent>;
