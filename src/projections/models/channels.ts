import { type Fact, foldingProjection } from '../engine/folding-projection.ts';
import { insertRows, text, timestamp } from '../tables/rows.ts';
import type { ChannelMemberRow, ChannelRow } from '../tables/schema.ts';
import { MemberRows, storeMembers } from './member-rows.ts';

interface ChannelState {
  readonly channel: ChannelRow;
  /** Owned by the fold, which changes it in place. */
  readonly members: MemberRows<ChannelMemberRow>;
  /** How many take part. */
  readonly joined: number;
}

/** Tables `channels` and `channel_members`, as long as somebody takes part. */
export const channelsProjection = foldingProjection<ChannelState>(
  {
    name: 'channels',
    version: 1,
    tables: ['channels', 'channel_members'],
    categories: ['channel'],
    types: ['channel.opened', 'channel.devices_listed', 'channel.joined', 'channel.left'],
  },
  {
    async load(db, keys) {
      const channels = await db
        .selectFrom('channels')
        .selectAll()
        .where('channel_key', 'in', [...keys])
        .execute();
      const rows = await db
        .selectFrom('channel_members')
        .selectAll()
        .where('channel_key', 'in', [...keys])
        .execute();
      const members = new Map(
        channels.map((row) => [row.channel_key, new MemberRows<ChannelMemberRow>({ isNew: false })] as const),
      );
      for (const row of rows) members.get(row.channel_key)?.load(row);
      return new Map(
        channels.map((channel) => {
          const own = members.get(channel.channel_key) ?? new MemberRows<ChannelMemberRow>({ isNew: false });
          return [channel.channel_key, { channel, members: own, joined: countJoined(own) }] as const;
        }),
      );
    },
    evolve: evolveChannel,
    async store(db, states) {
      const kept = [...states.values()].filter((state) => state !== undefined);
      await db
        .deleteFrom('channels')
        .where('channel_key', 'in', [...states.keys()])
        .execute();
      const closed = [...states].flatMap(([key, state]) => (state === undefined ? [key] : []));
      if (closed.length > 0) {
        await db.deleteFrom('channel_members').where('channel_key', 'in', closed).execute();
      }
      await insertRows(
        db,
        'channels',
        kept.map((state) => state.channel),
      );
      const members = new Map(kept.map((state) => [state.channel.channel_key, state.members]));
      await storeMembers(db, 'channel_members', 'channel_key', members);
    },
  },
);

function countJoined(members: Iterable<ChannelMemberRow>): number {
  let joined = 0;
  for (const { state } of members) joined += state === 'joined' ? 1 : 0;
  return joined;
}

/**
 * A channel that nobody takes part in is closed, and its rows go: the log need not keep its stream any longer, and a
 * rebuild must not depend on whether it still does.
 */
function evolveChannel(state: ChannelState | undefined, fact: Fact): ChannelState | undefined {
  const next = applyFact(state, fact);
  return next === undefined || next.joined === 0 ? undefined : next;
}

function applyFact(state: ChannelState | undefined, fact: Fact): ChannelState | undefined {
  const { event, key } = fact;
  const updated_at = timestamp(fact.at);
  if (event.type === 'channel.opened') {
    const { number, relay, open } = event;
    const creator = text(event.creator);
    const channel = { channel_key: key, number, creator, relay, open, opened_at: updated_at, updated_at };
    const members = new MemberRows<ChannelMemberRow>({ isNew: true });
    const opened = named({ channel, members, joined: 0 }, fact, creator, event);
    return put(opened, fact, creator, 'joined', null);
  }
  if (state === undefined) return undefined;
  const next = { ...state, channel: { ...state.channel, updated_at } };
  switch (event.type) {
    case 'channel.devices_listed':
      return named(next, fact, text(event.by), event);
    case 'channel.joined':
      return put(next, fact, text(event.device), 'joined');
    case 'channel.left':
      return put(next, fact, text(event.device), 'left');
    default:
      return next;
  }
}

function named(
  state: ChannelState,
  fact: Fact,
  by: string,
  lists: { readonly listed: readonly string[]; readonly admitted: readonly string[] },
): ChannelState {
  let next = state;
  for (const device of lists.listed) next = put(next, fact, text(device), 'listed', by);
  for (const device of lists.admitted) next = put(next, fact, text(device), 'joined', by);
  return next;
}

/** `listedBy`: when it is absent the device keeps who listed it. */
function put(
  state: ChannelState,
  { key, at }: Fact,
  device: string,
  memberState: ChannelMemberRow['state'],
  listedBy?: string | null,
): ChannelState {
  const { members } = state;
  const before = members.get(device);
  const listed_by = listedBy === undefined ? (before?.listed_by ?? null) : listedBy;
  const row = {
    channel_key: key,
    device_id: device,
    state: memberState,
    listed_by,
    updated_at: timestamp(at),
  };
  members.put(row);
  const joined = Number(memberState === 'joined') - Number(before?.state === 'joined');
  return { ...state, joined: state.joined + joined };
}
