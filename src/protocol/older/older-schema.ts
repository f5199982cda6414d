import { Type } from 'typebox';
import { CALL_END_REASONS, CALL_REJECT_REASONS, MEDIA_DIRECTIONS } from '../control/calls/call-schema.ts';
import { CALL_MODES } from '../control/calls/media-schema.ts';
import { TRANSPORT_PROTOCOLS } from '../control/calls/transport-schema.ts';
import { Anything, Flag, list, nullable, oneOf, Text, U8, U16, U32, U64 } from '../control/schema.ts';

/**
 * The call structures as generation G1 knows them (PROTOCOL.md 5.25 without the keys marked †): fewer codecs, and
 * candidates under their older name. Other keys are ignored by those clients, so they are not listed.
 */

/** Opus rates; the client builds its decoder from the profile and ends when the library refuses. */
export const OPUS_SAMPLE_RATES: readonly number[] = [8000, 12_000, 16_000, 24_000, 48_000];

const OlderAudio = Type.Object({
  codec: oneOf(['opus']),
  bitrate: U32,
  sample_rate: U32,
  channels: Type.Integer({ minimum: 1, maximum: 2 }),
  fec: Flag,
  dtx: Flag,
});

const OlderVideo = Type.Object({
  codec: oneOf(['vp8', 'vp9']),
  max_bitrate: U32,
  max_resolution: Type.Object({ width: U16, height: U16 }),
  frame_rate: U8,
  adaptive: Flag,
});

const MEDIA = {
  audio: OlderAudio,
  video: nullable(OlderVideo),
  mode: oneOf(CALL_MODES, { default: 'full_duplex' }),
};

const OlderTransport = Type.Object({
  prefer_relay: Flag,
  udp_candidates: list(
    Type.Object({ address: Text, port: U16, protocol: oneOf(TRANSPORT_PROTOCOLS, { default: 'udp' }) }),
  ),
  fingerprints: list(Text),
});

const DEFAULT_AUDIO = {
  codec: 'opus',
  bitrate: 16_000,
  sample_rate: 48_000,
  channels: 1,
  fec: true,
  dtx: true,
};

export const OlderCallOffer = Type.Object({
  call_id: Text,
  from: Text,
  to: Type.Array(Text),
  media: Type.Object(MEDIA, { default: { audio: DEFAULT_AUDIO, video: null, mode: 'full_duplex' } }),
  metadata: Anything,
  transport: nullable(OlderTransport),
  expires_at: nullable(U64),
  ephemeral_key: nullable(Text),
});

export const OlderCallAnswer = Type.Object({
  call_id: Text,
  accept: Type.Boolean(),
  media: nullable(Type.Object(MEDIA)),
  transport: nullable(OlderTransport),
  reason: nullable(oneOf(CALL_REJECT_REASONS)),
  metadata: Anything,
});

export const OlderCallEnd = Type.Object({
  call_id: Text,
  reason: oneOf(CALL_END_REASONS),
  metadata: Anything,
});

const OlderStreamStats = Type.Object({
  bitrate: U32,
  packet_loss: Type.Number({ default: 0 }),
  jitter_ms: Type.Integer({ minimum: 0, maximum: 0xffff_ffff, default: 0 }),
  rtt_ms: nullable(U32),
  frames_per_second: nullable(U8),
  key_frames: nullable(U32),
});

export const OlderCallStats = Type.Object({
  call_id: Text,
  direction: oneOf(MEDIA_DIRECTIONS),
  audio: nullable(OlderStreamStats),
  video: nullable(OlderStreamStats),
  timestamp: nullable(U64),
});
