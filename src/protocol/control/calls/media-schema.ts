import { type Static, Type } from 'typebox';
import { Flag, list, nullable, oneOf, Text, U8, U16, U32 } from '../schema.ts';

/** What a call may carry: PROTOCOL.md 5.24 (names) and 5.25 (structures). */

/** Position = the id in a media packet's header. PROTOCOL.md 5.26. */
export const AUDIO_CODECS = ['opus', 'raw_pcm'] as const;
/** Position = the id in a media packet's header. */
export const VIDEO_CODECS = [
  'raw_i420',
  'vp8',
  'vp9',
  'h264_baseline',
  'h264_main',
  'h265_main',
  'av1_main',
] as const;
/** Position = the id in a media packet's header. */
export const MEDIA_SOURCES = ['encoded', 'raw', 'hybrid'] as const;
/** Whether both sides of a call speak at once, or in turns. */
export const CALL_MODES = ['full_duplex', 'half_duplex'] as const;
/** Where a device encodes and decodes. */
export const HARDWARE_ACCELERATIONS = ['cpu', 'nvidia', 'amd', 'intel', 'apple'] as const;

/** The name of an audio codec (PROTOCOL.md 5.24). */
export const AudioCodec = oneOf(AUDIO_CODECS);
/** The name of a video codec (PROTOCOL.md 5.24). */
export const VideoCodec = oneOf(VIDEO_CODECS);
/** What a device sends: packets of a codec, raw media, or both. */
export const MediaSource = oneOf(MEDIA_SOURCES);
/** Where a device encodes and decodes. */
export const HardwareAcceleration = oneOf(HARDWARE_ACCELERATIONS);
const SourceOrEncoded = oneOf(MEDIA_SOURCES, { default: 'encoded' });
const Priority = Type.Integer({ minimum: 0, maximum: 0xff, default: 0 });

/** Width and height of a picture, in pixels. */
export const Resolution = Type.Object({ width: U16, height: U16 });

/** An audio codec with the settings that a device offers for it. */
export const AudioCodecDescriptor = Type.Object({
  codec: AudioCodec,
  bitrate: nullable(U32),
  sample_rate: nullable(U32),
  channels: nullable(U8),
  priority: Priority,
});

/** A video codec with the settings that a device offers for it. */
export const VideoCodecDescriptor = Type.Object({
  codec: VideoCodec,
  max_bitrate: nullable(U32),
  max_resolution: nullable(Resolution),
  frame_rate: nullable(U8),
  hardware: list(HardwareAcceleration),
  priority: Priority,
  supports_scalability: Flag,
});

/** What a device can encode and decode. */
export const MediaCapabilities = Type.Object({
  audio: list(AudioCodecDescriptor),
  video: list(VideoCodecDescriptor),
  allow_raw_audio: Flag,
  allow_raw_video: Flag,
});

/** The audio of a call. */
export const AudioParameters = Type.Object({
  codec: AudioCodec,
  bitrate: U32,
  sample_rate: U32,
  channels: U8,
  fec: Flag,
  dtx: Flag,
  source: SourceOrEncoded,
  preferred_codecs: list(AudioCodec),
  available_codecs: list(AudioCodecDescriptor),
  allow_passthrough: Flag,
});

/** The video of a call. */
export const VideoParameters = Type.Object({
  codec: VideoCodec,
  max_bitrate: U32,
  max_resolution: Resolution,
  frame_rate: U8,
  adaptive: Flag,
  source: SourceOrEncoded,
  preferred_codecs: list(VideoCodec),
  available_codecs: list(VideoCodecDescriptor),
  hardware: list(HardwareAcceleration),
  allow_passthrough: Flag,
  capabilities: nullable(MediaCapabilities),
});

const MEDIA_PROFILE = {
  audio: AudioParameters,
  video: nullable(VideoParameters),
  mode: oneOf(CALL_MODES, { default: 'full_duplex' }),
  capabilities: nullable(MediaCapabilities),
};

/** The media of a call (PROTOCOL.md 5.25). */
export const CallMediaProfile = Type.Object(MEDIA_PROFILE);
/** The media of a call (PROTOCOL.md 5.25). */
export type CallMediaProfile = Static<typeof CallMediaProfile>;

/** What a CALL_OFFER without `media` means. */
export const DEFAULT_MEDIA_PROFILE: CallMediaProfile = {
  audio: {
    codec: 'opus',
    bitrate: 16_000,
    sample_rate: 48_000,
    channels: 1,
    fec: true,
    dtx: true,
    source: 'raw',
    preferred_codecs: ['opus'],
    available_codecs: [{ codec: 'opus', bitrate: 16_000, sample_rate: 48_000, channels: 1, priority: 100 }],
    allow_passthrough: false,
  },
  video: null,
  mode: 'full_duplex',
  capabilities: null,
};

/** The media of a CALL_OFFER: one that is absent means the default. */
export const OfferedMediaProfile = Type.Object(MEDIA_PROFILE, { default: DEFAULT_MEDIA_PROFILE });

const PacketLoss = Type.Number({ default: 0 });
const Jitter = Type.Integer({ minimum: 0, maximum: 0xffff_ffff, default: 0 });

/** Statistics of one stream of a call. */
export const MediaStreamStats = Type.Object({
  bitrate: U32,
  /** A fraction; the range is the sender's business. */
  packet_loss: PacketLoss,
  jitter_ms: Jitter,
  rtt_ms: nullable(U32),
  frames_per_second: nullable(U8),
  key_frames: nullable(U32),
  codec: nullable(Text),
  source: nullable(MediaSource),
  hardware: nullable(HardwareAcceleration),
});
