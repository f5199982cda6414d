import { LogError } from '../log/log-error.ts';
import type { CategoryRetention } from '../log/retention.ts';
import type { FactEvent } from './events.ts';
import { decodeFact, encodeFact } from './fact-encoding.ts';
import {
  decodeInboxAdvanced,
  decodeMailPosted,
  encodeInboxAdvanced,
  encodeMailPosted,
  INBOX_ADVANCED,
  type InboxAdvanced,
  MAIL_POSTED,
  type MailPosted,
} from './mail-encoding.ts';
import {
  type EventCodec,
  KeyedStreams,
  type KeyForm,
  SingleStream,
  type StoredEvent,
} from './stream-category.ts';

/** A call is scoped by its channel: the same id elsewhere is another call. */
export interface CallKey {
  /** Has no hyphen. */
  readonly channelKey: string;
  readonly callId: string;
}

type FactType = FactEvent['type'];
type FactOf<T extends FactType> = Extract<FactEvent, { readonly type: T }>;

const DAY = 86_400;
const FACTS: CategoryRetention = { retention: 'facts' };

const AS_IT_IS: KeyForm<string> = { write: (key) => key, read: (text) => text };

const CALL_KEY: KeyForm<CallKey> = {
  write: ({ channelKey, callId }) => `${channelKey}-${callId}`,
  read: (text) => {
    const hyphen = text.indexOf('-');
    return { channelKey: text.slice(0, hyphen), callId: text.slice(hyphen + 1) };
  },
};

/** Facts of these types. */
function facts<T extends FactType>(...types: readonly T[]): EventCodec<FactOf<T>> {
  const isOneOf = (fact: FactEvent): fact is FactOf<T> => types.some((type) => type === fact.type);
  return {
    types,
    encode: encodeFact,
    decode: (stored) => {
      const fact = decodeFact(stored);
      return isOneOf(fact) ? fact : foreign(stored);
    },
  };
}

const LETTERS: EventCodec<MailPosted> = {
  types: [MAIL_POSTED],
  encode: (letter) => ({ type: MAIL_POSTED, data: encodeMailPosted(letter) }),
  decode: (stored) => (stored.type === MAIL_POSTED ? decodeMailPosted(stored.data) : foreign(stored)),
};

const COUNTERS: EventCodec<InboxAdvanced> = {
  types: [INBOX_ADVANCED],
  encode: (counters) => ({ type: INBOX_ADVANCED, data: encodeInboxAdvanced(counters) }),
  decode: (stored) => (stored.type === INBOX_ADVANCED ? decodeInboxAdvanced(stored.data) : foreign(stored)),
};

function foreign({ type }: StoredEvent): never {
  throw new LogError(
    'LOG_UNKNOWN_EVENT',
    `event type ${type} does not belong into a stream of this category`,
  );
}

/**
 * Every category of streams: how its names are made, how long it is kept, and which events it may hold. A name is
 * `category-key`; nothing outside of this room spells one.
 */
export const STREAMS = {
  /** By the handle's key; accounts from before handles had keys have taken the text as it was written. */
  handle: new KeyedStreams('handle', FACTS, facts('handle.reserved'), AS_IT_IS),
  /** By id. Profiles changed here, too, before they had a stream of their own. */
  user: new KeyedStreams(
    'user',
    FACTS,
    facts('user.registered', 'user.profile_changed', 'user.device_added'),
    AS_IT_IS,
  ),
  /** By the user's id. */
  profile: new KeyedStreams(
    'profile',
    { retention: 'facts', maxCount: 1 },
    facts('user.profile_changed'),
    AS_IT_IS,
  ),
  /** By id. */
  device: new KeyedStreams(
    'device',
    FACTS,
    facts('device.registered', 'device.certificate_issued'),
    AS_IT_IS,
  ),
  /** Public keys that the server has had: `noise`, `authority`. */
  secret: new KeyedStreams('secret', FACTS, facts('secret.rotated'), AS_IT_IS),
  /** By the key that the server gave it, which never appears on the wire. */
  channel: new KeyedStreams(
    'channel',
    FACTS,
    facts('channel.opened', 'channel.devices_listed', 'channel.joined', 'channel.left'),
    AS_IT_IS,
  ),
  /** By the group's id. */
  group: new KeyedStreams(
    'group',
    FACTS,
    facts(
      'group.created',
      'group.member_invited',
      'group.member_joined',
      'group.member_paused',
      'group.member_left',
      'group.member_removed',
      'group.role_changed',
      'group.ended',
    ),
    AS_IT_IS,
  ),
  /** The log's own histories. */
  history: new SingleStream('history', FACTS, facts('history.begun')),
  /** By the hash of the session's token. */
  session: new KeyedStreams(
    'session',
    { retention: 'journal', maxAge: 30 * DAY },
    facts('session.opened', 'session.closed'),
    AS_IT_IS,
  ),
  sessions: new SingleStream(
    'sessions',
    { retention: 'journal', maxAge: 90 * DAY, maxCount: 1 },
    facts('sessions.noted'),
  ),
  audit: new KeyedStreams(
    'audit',
    { retention: 'journal', maxAge: 30 * DAY },
    facts('handshake.rejected'),
    AS_IT_IS,
  ),
  call: new KeyedStreams(
    'call',
    { retention: 'journal', maxAge: 90 * DAY },
    facts('call.offered', 'call.answered', 'call.transport_updated', 'call.left', 'call.ended'),
    CALL_KEY,
  ),
  /** By the key of the channel whose letters they are; a group has one, too. */
  mail: new KeyedStreams('mail', { retention: 'mail' }, LETTERS, AS_IT_IS),
  /** By device. */
  inbox: new KeyedStreams('inbox', { retention: 'mail', maxCount: 1 }, COUNTERS, AS_IT_IS),
} as const;

export type Category = keyof typeof STREAMS;

/** Every type of event that this program writes and understands. */
export type EventType = FactType | typeof MAIL_POSTED | typeof INBOX_ADVANCED;

/** The events that a stream of this category may hold. */
export type EventOf<C extends Category> = ReturnType<(typeof STREAMS)[C]['decode']>;
