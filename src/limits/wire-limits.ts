import { LIMITS } from '../protocol/limits.ts';
import type { Limit } from './limit.ts';

const DECODE = 'ERROR `decode`, the stream ends';
const MALFORMED = 'ERROR `malformed`';
const HANDSHAKE = 'ERROR `handshake`, the stream ends';
const ERRORS = 'commucat_errors_sent_total';

const wire = <const V extends number>(value: V, doc: string, atLimit: string, metric = ERRORS) =>
  ({ group: 'wire', value, doc, atLimit, metric }) as const;

/** The limits of the protocol itself: clients have them too, so they are constants of `src/protocol`. */
export const WIRE_LIMITS = {
  varintBytes: wire(LIMITS.MAX_VARINT_BYTES, 'Bytes of a varint.', DECODE),
  channelNumber: wire(LIMITS.MAX_CHANNEL, 'Channel number.', DECODE),
  sequence: wire(LIMITS.MAX_SEQUENCE, 'Sequence; counters wrap behind it.', DECODE),
  frameLength: wire(LIMITS.MAX_FRAME_LENGTH, 'Bytes of a frame body, by its format.', DECODE),
  controlJson: wire(LIMITS.MAX_CONTROL_JSON, 'Bytes of JSON text in a frame.', DECODE),
  jsonDepth: wire(LIMITS.MAX_JSON_DEPTH, 'Nested arrays and objects in JSON.', DECODE),
  record: wire(
    LIMITS.MAX_RECORD,
    'Bytes of ciphertext in a record.',
    'the stream ends',
    'commucat_sessions_closed_total',
  ),
  recordPlaintext: wire(
    LIMITS.MAX_RECORD_PLAINTEXT,
    'Bytes of a frame that is relayed, encoded.',
    'ERROR `too_large`',
  ),
  handshakeMessage: wire(
    LIMITS.HANDSHAKE_MESSAGE_MAX,
    'Bytes of a Noise handshake message.',
    HANDSHAKE,
    'commucat_handshakes_rejected_total',
  ),
  deviceId: wire(LIMITS.DEVICE_ID_MAX, 'Characters of a device id.', `${HANDSHAKE}; in lists: ${MALFORMED}`),
  userId: wire(LIMITS.USER_ID_MAX, 'UTF-16 units of a user id.', HANDSHAKE),
  handle: wire(LIMITS.HANDLE_MAX, 'UTF-16 units of a handle.', HANDSHAKE),
  displayName: wire(LIMITS.DISPLAY_NAME_MAX, 'UTF-16 units of a display name.', HANDSHAKE),
  avatarUrl: wire(LIMITS.AVATAR_URL_MAX, 'UTF-16 units of an avatar URL.', HANDSHAKE),
  capabilities: wire(LIMITS.CAPABILITIES_MAX, 'Capabilities in HELLO.', 'the rest is ignored', '–'),
  capability: wire(LIMITS.CAPABILITY_MAX, 'UTF-16 units of a capability.', 'it is ignored', '–'),
  groupId: wire(LIMITS.GROUP_ID_MAX, 'UTF-16 units of a group id.', MALFORMED),
  callId: wire(LIMITS.CALL_ID_MAX, 'UTF-16 units of a call id.', MALFORMED),
  presenceState: wire(LIMITS.PRESENCE_STATE_MAX, 'UTF-16 units of the state of a PRESENCE.', MALFORMED),
  membersPerJoin: wire(LIMITS.MEMBERS_MAX, 'Devices that one JOIN or GROUP_CREATE lists.', MALFORMED),
  listEntries: wire(
    LIMITS.LIST_MAX,
    'Entries of one list in a call frame; of `to`: as many as a JOIN lists.',
    MALFORMED,
  ),
  errorDetail: wire(LIMITS.ERROR_DETAIL_MAX, 'UTF-16 units of the detail of an ERROR.', 'it is cut', '–'),
} as const satisfies Readonly<Record<string, Limit>>;
