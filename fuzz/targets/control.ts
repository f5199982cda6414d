import {
  ControlError,
  parseAck,
  parseCallAnswer,
  parseCallEnd,
  parseCallOffer,
  parseCallStats,
  parseCallTransportUpdate,
  parseGroupCreate,
  parseGroupInvite,
  parseJoin,
  parsePresence,
} from '../../src/protocol/control/index.ts';
import { FRAME_TYPES } from '../../src/protocol/frames/frame-types.ts';
import { encodeJson, type JsonInput, type JsonValue, parseJson } from '../../src/protocol/json/json.ts';
import { LIMITS } from '../../src/protocol/limits.ts';
import { isReadableByOlderClient } from '../../src/protocol/older/older-client.ts';
import { attempt, must, mustEqual } from '../oracles.ts';
import type { FuzzTarget } from '../target.ts';

/** `normal`: what the reader gives has the form of what it reads, and is the same when read again. */
interface Reader {
  readonly read: (value: JsonValue) => unknown;
  readonly normal: boolean;
}

const READERS: readonly Reader[] = [
  { read: parseJoin, normal: false },
  { read: parseAck, normal: true },
  { read: parsePresence, normal: true },
  { read: parseGroupCreate, normal: false },
  { read: parseGroupInvite, normal: false },
  { read: parseCallOffer, normal: true },
  { read: parseCallAnswer, normal: true },
  { read: parseCallEnd, normal: true },
  { read: parseCallStats, normal: true },
  { read: parseCallTransportUpdate, normal: true },
];

const TYPES = Object.keys(FRAME_TYPES).map(Number);

const AUDIO = { codec: 'opus', bitrate: 24000, sample_rate: 48000, channels: 1, fec: true, dtx: false };
const VIDEO = {
  codec: 'vp8',
  max_bitrate: 500000,
  max_resolution: { width: 640, height: 360 },
  frame_rate: 30,
};
const CANDIDATE = {
  ip: '192.0.2.1',
  address: '192.0.2.1',
  port: 5000,
  type: 'host',
  protocol: 'udp',
  priority: 1,
};
const TRANSPORT = {
  prefer_relay: true,
  candidates: [CANDIDATE],
  fingerprints: ['a'],
  consent_interval_secs: 5,
};
const MEDIA = { audio: AUDIO, video: VIDEO, mode: 'full_duplex', capabilities: {} };

/** One text or more for each reader, in their order. */
const SEEDS: readonly (readonly JsonInput[])[] = [
  [{ members: ['a', 'b', 'a'], relay: true, group_id: 'g' }],
  [{ ack: 7 }, { ack: 4294967296 }],
  [{ state: 'away', entity: 'x' }],
  [{ group_id: 'g', members: ['a'], roles: { a: 'admin', b: 'owner' }, relay: false }],
  [{ group_id: 'g', device: 'd', role: 'admin' }],
  [
    {
      call_id: 'c',
      from: 'a',
      to: ['b'],
      media: MEDIA,
      transport: TRANSPORT,
      expires_at: 1,
      metadata: { a: [1] },
    },
  ],
  [{ call_id: 'c', accept: true, media: MEDIA, transport: TRANSPORT, reason: null, metadata: null }],
  [{ call_id: 'c', reason: 'hangup', metadata: null }],
  [
    {
      call_id: 'c',
      direction: 'send',
      audio: { bitrate: 1, packet_loss: 0.5, jitter_ms: 3, rtt_ms: 4 },
      timestamp: 5,
    },
  ],
  [
    { call_id: 'c', update: 'candidate', candidate: CANDIDATE },
    { call_id: 'c', update: 'selected_candidate_pair', local: CANDIDATE, remote: CANDIDATE, rtt_ms: 3 },
    { call_id: 'c', update: 'consent_keepalive', timestamp: 5, interval_secs: 3 },
  ],
];

function checkMembers(structure: object): void {
  if (!('members' in structure) || !Array.isArray(structure.members)) return;
  const members = structure.members as readonly string[];
  must(members.length <= LIMITS.MEMBERS_MAX, 'members are limited');
  must(new Set(members).size === members.length, 'members come once');
  for (const member of members) must(/^[!-?A-~]{1,128}$/.test(member), 'members are device ids');
}

export const target: FuzzTarget = {
  name: 'control',
  about:
    'control structures, calls included: only ControlError, normal forms are stable, old clients are judged',
  maxLength: 4096,
  form: 'json',
  jsonFrom: 1,
  seeds: () =>
    SEEDS.flatMap((texts, reader) =>
      texts.map((text) => Buffer.concat([Buffer.of(reader), encodeJson(text)])),
    ),
  run(data) {
    const [first = 0] = data;
    const payload = data.subarray(1);
    // Whatever comes, and as whatever type: a verdict, never an error.
    isReadableByOlderClient(TYPES[Math.floor(first / READERS.length) % TYPES.length] ?? 0, payload);
    const { value } = attempt(() => parseJson(payload));
    const reader = READERS[first % READERS.length];
    if (value === undefined || reader === undefined) return;
    const { value: structure, error } = attempt(() => reader.read(value));
    if (error !== undefined) {
      must(error instanceof ControlError, 'a control structure is refused with ControlError');
      return;
    }
    mustEqual(reader.read(value), structure, 'the same value gives the same structure');
    checkMembers(structure as object);
    if (!reader.normal) return;
    const written = parseJson(encodeJson(structure as JsonInput));
    mustEqual(reader.read(written), structure, 'the normal form is read as itself');
  },
};
