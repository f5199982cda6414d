/** What is known about one frame type. PROTOCOL.md 1.3 is printed from this table. */
export interface FrameType {
  readonly code: number;
  readonly name: FrameName;
  /** The `type` of the line-based transports. */
  readonly label: string;
  /** `json`: the payload must be one JSON text; `opaque`: never looked into. */
  readonly payload: 'json' | 'opaque';
  /** Kept for devices that are offline, acknowledged only when it is in the log. PROTOCOL.md 11.2. */
  readonly durable: boolean;
  /** Goes to the other members of its channel, bytes unchanged. */
  readonly relayed: boolean;
}

/** Frame type codes. PROTOCOL.md 1.3. */
export const FRAME = {
  HELLO: 0x01,
  AUTH: 0x02,
  JOIN: 0x03,
  LEAVE: 0x04,
  MSG: 0x05,
  ACK: 0x06,
  TYPING: 0x07,
  PRESENCE: 0x08,
  KEY_UPDATE: 0x09,
  GROUP_CREATE: 0x0a,
  GROUP_INVITE: 0x0b,
  GROUP_EVENT: 0x0c,
  ERROR: 0x0d,
  CALL_OFFER: 0x0e,
  CALL_ANSWER: 0x0f,
  CALL_END: 0x10,
  VOICE_FRAME: 0x11,
  VIDEO_FRAME: 0x12,
  CALL_STATS: 0x13,
  TRANSPORT_UPDATE: 0x14,
} as const;

/** The name of a frame type: a key of `FRAME`. */
export type FrameName = keyof typeof FRAME;
/** The number of a frame type on the wire. */
export type FrameCode = (typeof FRAME)[FrameName];

type Traits = readonly [payload: 'json' | 'opaque', durable: boolean, relayed: boolean];

const TRAITS: Readonly<Record<FrameName, Traits>> = {
  HELLO: ['json', false, false],
  AUTH: ['json', false, false],
  JOIN: ['json', false, false],
  LEAVE: ['json', false, false],
  MSG: ['opaque', true, true],
  ACK: ['json', false, false],
  TYPING: ['json', false, true],
  PRESENCE: ['json', false, false],
  KEY_UPDATE: ['json', true, true],
  GROUP_CREATE: ['json', true, true],
  GROUP_INVITE: ['json', true, true],
  GROUP_EVENT: ['json', true, true],
  ERROR: ['json', false, false],
  CALL_OFFER: ['json', true, true],
  CALL_ANSWER: ['json', false, true],
  CALL_END: ['json', true, true],
  VOICE_FRAME: ['opaque', false, true],
  VIDEO_FRAME: ['opaque', false, true],
  CALL_STATS: ['json', false, true],
  TRANSPORT_UPDATE: ['json', false, true],
};

/** All frame types by code; the hole at 0 and everything behind the last code are unknown types. */
export const FRAME_TYPES: readonly (FrameType | undefined)[] = byCode();

/** The frame type with this code, or undefined for a byte that names none. */
export function frameTypeOf(code: number): FrameType | undefined {
  return FRAME_TYPES[code];
}

function byCode(): (FrameType | undefined)[] {
  const table: (FrameType | undefined)[] = [undefined];
  for (const name of Object.keys(FRAME) as FrameName[]) {
    const [payload, durable, relayed] = TRAITS[name];
    table[FRAME[name]] = { code: FRAME[name], name, label: name.toLowerCase(), payload, durable, relayed };
  }
  return table;
}
