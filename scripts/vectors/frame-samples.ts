import { toHex, utf8 } from '../../src/protocol/bytes.ts';
import type { FrameName } from '../../src/protocol/frames/frame-types.ts';
import type { JsonObject } from '../../src/protocol/json/json.ts';
import { material } from './material.ts';

const CALL = { call_id: 'call-dusk' } as const;

/** A payload of each type as section 5 of PROTOCOL.md describes it. HELLO and AUTH have the form, not the proofs. */
export const SAMPLE_PAYLOADS: Readonly<Record<FrameName, JsonObject | Uint8Array>> = {
  HELLO: {
    supported_versions: [1],
    pattern: 'XK',
    device_id: 'tabby-phone',
    client_static: toHex(material('sample client static')),
    device_public: toHex(material('sample device public')),
    handshake: toHex(material('sample message 1', 48)),
    zkp: {
      commitment: toHex(material('sample commitment')),
      response: toHex(material('sample response')),
    },
    capabilities: ['delivery-ack'],
    user: { handle: 'tabby', display_name: 'Tabby \u{1f408}' },
  },
  AUTH: { handshake: toHex(material('sample message 3', 64)) },
  JOIN: { members: ['tabby-phone', 'manx-laptop'], relay: true },
  LEAVE: {},
  MSG: material('sample ciphertext', 40),
  ACK: { ack: 4_294_967_295 },
  TYPING: { device: 'tabby-phone', typing: true, ttl_ms: 4000 },
  PRESENCE: { state: 'napping' },
  KEY_UPDATE: { epoch: 12, commit: toHex(material('sample commit', 24)) },
  GROUP_CREATE: { group_id: 'clowder', members: ['manx-laptop'], roles: { 'manx-laptop': 'admin' } },
  GROUP_INVITE: { group_id: 'clowder', device: 'siamese-desk', role: 'member' },
  GROUP_EVENT: { event: 'renamed', description: 'now: roof cats' },
  ERROR: {
    error: 'unknown_channel',
    title: 'Unknown channel',
    detail: 'this device takes part in no channel 712',
    ack: 9,
  },
  CALL_OFFER: {
    ...CALL,
    from: 'tabby-phone',
    to: ['manx-laptop'],
    transport: {
      candidates: [{ address: '192.0.2.44', port: 40_100, protocol: 'udp', candidate_type: 'host' }],
      fingerprints: ['sha-256 5e:aa:01'],
      trickle: true,
    },
    expires_at: 1_790_000_060,
  },
  CALL_ANSWER: { ...CALL, accept: false, reason: 'busy' },
  CALL_END: { ...CALL, reason: 'hangup', metadata: { talked_seconds: 61 } },
  VOICE_FRAME: material('sample voice packet', 20),
  VIDEO_FRAME: utf8(''),
  CALL_STATS: {
    ...CALL,
    direction: 'receive',
    audio: { bitrate: 15_800, packet_loss: 0.25, jitter_ms: 11, rtt_ms: 42 },
    timestamp: 1_790_000_030,
  },
  TRANSPORT_UPDATE: { ...CALL, update: 'consent_keepalive', interval_secs: 15 },
};
