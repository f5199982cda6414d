/** Every limit of the wire in one place, with its unit. The relay's own limits that an operator may change live in the config. */
export const LIMITS = {
  /** Bytes of a frame body (type to payload), without its length prefix. PROTOCOL.md 1.2. */
  MAX_FRAME_LENGTH: 16_777_216,
  /** Bytes of JSON text in one frame. PROTOCOL.md 1.2. */
  MAX_CONTROL_JSON: 262_144,
  /** Largest channel number. PROTOCOL.md 1.2. */
  MAX_CHANNEL: 4_294_967_295,
  /** Largest sequence number; counters wrap behind it. PROTOCOL.md 1.2, 1.7. */
  MAX_SEQUENCE: 4_294_967_295,
  /** Refused durable frames of a device that the server names in `resume`, the newest ones. PROTOCOL.md 11.3. */
  REMEMBERED_REFUSALS: 256,
  /** Nested arrays and objects in a JSON text. PROTOCOL.md 1.4. */
  MAX_JSON_DEPTH: 127,
  /** Nested arrays and objects in the JSON of a handshake, whose sender has proved nothing. PROTOCOL.md 1.4. */
  MAX_HANDSHAKE_DEPTH: 16,
  /** Bytes of the body of a handshake frame from a client. PROTOCOL.md 1.2. */
  MAX_HANDSHAKE_FRAME: 32_768,
  /** Bytes that one varint may take. PROTOCOL.md 1.1. */
  MAX_VARINT_BYTES: 10,
  /** Bytes of ciphertext in one record, authentication tag included. PROTOCOL.md 4.3. */
  MAX_RECORD: 65_535,
  /** Bytes of the shortest record: a tag around nothing. PROTOCOL.md 4.4. */
  MIN_RECORD: 16,
  /** Bytes of plaintext in one record, and so the largest frame that every peer can receive. PROTOCOL.md 4.3. */
  MAX_RECORD_PLAINTEXT: 65_519,
  /** Characters of a device id: printable ASCII without `@`. PROTOCOL.md 3.4. */
  DEVICE_ID_MAX: 128,
  /** Characters of a user id. */
  USER_ID_MAX: 128,
  /** UTF-16 units of a handle. */
  HANDLE_MAX: 64,
  /** UTF-16 units of a display name. */
  DISPLAY_NAME_MAX: 256,
  /** UTF-16 units of an avatar URL. */
  AVATAR_URL_MAX: 2048,
  /** UTF-16 units of a group id. */
  GROUP_ID_MAX: 128,
  /** UTF-16 units of a call id. */
  CALL_ID_MAX: 128,
  /** UTF-16 units of the `state` of a PRESENCE. */
  PRESENCE_STATE_MAX: 128,
  /** Devices that one JOIN or GROUP_CREATE may list. */
  MEMBERS_MAX: 1024,
  /** Entries of one list in a call frame: candidates, fingerprints, codecs. PROTOCOL.md 5.25. */
  LIST_MAX: 256,
  /** Capabilities in one HELLO; longer lists are cut, because unknown strings are ignored anyway. */
  CAPABILITIES_MAX: 64,
  /** UTF-16 units of one capability; longer strings are ignored like unknown ones. */
  CAPABILITY_MAX: 64,
  /** Bytes of a public key, and of each half of a proof. PROTOCOL.md 3.4. */
  KEY_BYTES: 32,
  /** Bytes of a Noise handshake message: the Noise specification's own limit. */
  HANDSHAKE_MESSAGE_MAX: 65_535,
  /** UTF-16 units of the `detail` of an ERROR; longer ones are cut. */
  ERROR_DETAIL_MAX: 1024,
  /** Durable frames in flight to one session without a confirmation. PROTOCOL.md 11.2. */
  MAX_UNCONFIRMED: 256,
} as const;

/** The only version of the protocol that exists. Older and newer wire generations carry the same number. */
export const PROTOCOL_VERSION = 1;
/** The versions a server offers, newest first. PROTOCOL.md 0.3. */
export const SUPPORTED_VERSIONS: readonly number[] = [PROTOCOL_VERSION];
