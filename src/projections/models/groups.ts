import { type Fact, foldingProjection } from '../engine/folding-projection.ts';
import { insertRows, text, timestamp } from '../tables/rows.ts';
import type { GroupMemberRow, GroupRow } from '../tables/schema.ts';
import { MemberRows, storeMembers } from './member-rows.ts';

interface GroupState {
  readonly group: GroupRow;
  /** Owned by the fold, which changes it in place. */
  readonly members: MemberRows<GroupMemberRow>;
}

/** Tables `groups` and `group_members`. */
export const groupsProjection = foldingProjection<GroupState>(
  {
    name: 'groups',
    version: 1,
    tables: ['groups', 'group_members'],
    categories: ['group'],
    types: [
      'group.created',
      'group.member_invited',
      'group.member_joined',
      'group.member_paused',
      'group.member_left',
      'group.member_removed',
      'group.role_changed',
      'group.ended',
    ],
  },
  {
    async load(db, keys) {
      const groups = await db
        .selectFrom('groups')
        .selectAll()
        .where('group_id', 'in', [...keys])
        .execute();
      const members = await db
        .selectFrom('group_members')
        .selectAll()
        .where('group_id', 'in', [...keys])
        .execute();
      const states = new Map(
        groups.map((group) => [
          group.group_id,
          { group, members: new MemberRows<GroupMemberRow>({ isNew: false }) },
        ]),
      );
      for (const row of members) states.get(row.group_id)?.members.load(row);
      return states;
    },
    evolve,
    async store(db, states) {
      const kept = [...states.values()].filter((state) => state !== undefined);
      await db
        .deleteFrom('groups')
        .where('group_id', 'in', [...states.keys()])
        .execute();
      await insertRows(
        db,
        'groups',
        kept.map(({ group }) => group),
      );
      const members = new Map(kept.map((state) => [state.group.group_id, state.members]));
      await storeMembers(db, 'group_members', 'group_id', members);
    },
  },
);

function evolve(state: GroupState | undefined, { event, key, at }: Fact): GroupState | undefined {
  const updated_at = timestamp(at);
  const group_id = key;
  if (event.type === 'group.created') {
    const { channel: channel_key, number, relay } = event;
    const owner = text(event.owner);
    const group = {
      group_id,
      channel_key,
      number,
      owner,
      relay,
      created_at: updated_at,
      updated_at,
      ended_at: null,
    };
    const members = new MemberRows<GroupMemberRow>({ isNew: true });
    const row = { group_id, updated_at };
    members.put({ ...row, device_id: owner, role: 'owner', standing: 'joined', invited_by: null });
    for (const { device, role } of event.invited) {
      members.put({ ...row, device_id: text(device), role, standing: 'invited', invited_by: owner });
    }
    return { group, members };
  }
  if (state === undefined) return undefined;
  const { members } = state;
  const group = { ...state.group, updated_at };
  switch (event.type) {
    case 'group.member_invited': {
      const { role, by } = event;
      const device_id = text(event.device);
      members.put({ group_id, device_id, role, standing: 'invited', invited_by: text(by), updated_at });
      break;
    }
    case 'group.member_joined':
      members.change(text(event.device), { standing: 'joined', updated_at });
      break;
    case 'group.member_paused':
      members.change(text(event.device), { standing: 'paused', updated_at });
      break;
    case 'group.member_left':
    case 'group.member_removed':
      members.remove(text(event.device));
      break;
    case 'group.role_changed':
      members.change(text(event.device), { role: event.role, updated_at });
      return { group: event.role === 'owner' ? { ...group, owner: text(event.device) } : group, members };
    case 'group.ended':
      members.clear();
      return { group: { ...group, ended_at: updated_at }, members };
  }
  return { group, members };
}
