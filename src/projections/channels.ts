import { type Fact, foldingProjection } from './folding-projection.ts';
import { insertRows, text, timestamp } from './rows.ts';
import type { ChannelMemberRow, ChannelRow } from './schema.ts';

export interface ChannelState {
  readonly channel: ChannelRow;
  readonly members: ReadonlyMap<string, ChannelMemberRow>;
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
      const members = new Map(channels.map((row) => [row.channel_key, new Map<string, ChannelMemberRow>()]));
      for (const row of rows) members.get(row.channel_key)?.set(row.device_id, row);
      return new Map(
        channels.map((channel) => [
          channel.channel_key,
          { channel, members: members.get(channel.channel_key) ?? new Map() },
        ]),
      );
    },
    evolve: evolveChannel,
    async store(db, states) {
      const kept = [...states.values()].filter((state) => state !== undefined);
      await db
        .deleteFrom('channels')
        .where('channel_key', 'in', [...states.keys()])
        .execute();
      await db
        .deleteFrom('channel_members')
        .where('channel_key', 'in', [...states.keys()])
        .execute();
      await insertRows(
        db,
        'channels',
        kept.map((state) => state.channel),
      );
      await insertRows(
        db,
        'channel_members',
        kept.flatMap((state) => [...state.members.values()]),
      );
    },
  },
);

function byDevice(rows: readonly ChannelMemberRow[]): Map<string, ChannelMemberRow> {
  return new Map(rows.map((row) => [row.device_id, row]));
}

/**
 * A channel that nobody takes part in is closed, and its rows go: the log need not keep its stream any longer, and a
 * rebuild must not depend on whether it still does.
 */
export function evolveChannel(state: ChannelState | undefined, fact: Fact): ChannelState | undefined {
  const next = applyFact(state, fact);
  if (next === undefined) return undefined;
  for (const member of next.members.values()) if (member.state === 'joined') return next;
  return undefined;
}

function applyFact(state: ChannelState | undefined, { event, key, at }: Fact): ChannelState | undefined {
  const updated_at = timestamp(at);
  const member = (
    device: string,
    memberState: ChannelMemberRow['state'],
    listedBy: string | null,
  ): ChannelMemberRow => ({
    channel_key: key,
    device_id: text(device),
    state: memberState,
    listed_by: listedBy === null ? null : text(listedBy),
    updated_at,
  });
  const named = (
    by: string,
    lists: { readonly listed: readonly string[]; readonly admitted: readonly string[] },
  ) => [
    ...lists.listed.map((device) => member(device, 'listed', by)),
    ...lists.admitted.map((device) => member(device, 'joined', by)),
  ];
  if (event.type === 'channel.opened') {
    const { number, creator, relay, open } = event;
    return {
      channel: {
        channel_key: key,
        number,
        creator: text(creator),
        relay,
        open,
        opened_at: updated_at,
        updated_at,
      },
      members: byDevice([...named(creator, event), member(creator, 'joined', null)]),
    };
  }
  if (state === undefined) return undefined;
  const changed = ((): readonly ChannelMemberRow[] => {
    switch (event.type) {
      case 'channel.devices_listed':
        return named(event.by, event);
      case 'channel.joined':
        return [member(event.device, 'joined', state.members.get(text(event.device))?.listed_by ?? null)];
      case 'channel.left':
        return [member(event.device, 'left', state.members.get(text(event.device))?.listed_by ?? null)];
      default:
        return [];
    }
  })();
  return {
    channel: { ...state.channel, updated_at },
    members: new Map([...state.members, ...byDevice(changed)]),
  };
}
