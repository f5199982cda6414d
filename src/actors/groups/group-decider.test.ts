import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decideGroup,
  evolveGroup,
  type GroupCommand,
  type GroupState,
  VACANT_GROUP,
} from './group-decider.ts';

const LIMITS = { members: 5 };
const number = 7;

function given(...commands: GroupCommand[]): GroupState {
  let state = VACANT_GROUP;
  for (const command of commands) {
    const decision = decideGroup(state, command, LIMITS);
    assert.ok(decision.ok, `refused: ${JSON.stringify(command)}`);
    state = decision.events.reduce(evolveGroup, state);
  }
  return state;
}

function rejection(state: GroupState, command: GroupCommand): string {
  const decision = decideGroup(state, command, LIMITS);
  return decision.ok ? `accepted: ${JSON.stringify(decision.events)}` : decision.rejection;
}

const create = (...invited: (readonly [string, 'admin' | 'member'])[]): GroupCommand => ({
  type: 'create',
  device: 'owner',
  channel: 'key',
  number,
  relay: true,
  invited: invited.map(([device, role]) => ({ device, role })),
});
const invite = (device: string, invitee: string, role: 'admin' | 'member' = 'member'): GroupCommand => ({
  type: 'invite',
  device,
  number,
  invitee,
  role,
});
const join = (device: string): GroupCommand => ({ type: 'join', device, number });
const pause = (device: string): GroupCommand => ({ type: 'pause', device });
const leave = (device: string): GroupCommand => ({ type: 'leave', device, number });
const remove = (device: string, target: string): GroupCommand => ({ type: 'remove', device, number, target });
const change = (device: string, target: string, role: 'owner' | 'admin' | 'member'): GroupCommand => ({
  type: 'change_role',
  device,
  number,
  target,
  role,
});
const standingOf = (state: GroupState, device: string) => state.members.get(device)?.standing;
const roleOf = (state: GroupState, device: string) => state.members.get(device)?.role;

/** An owner, an admin and a member, all joined. */
const TRIO = [create(['admin', 'admin'], ['member', 'member']), join('admin'), join('member')] as const;

test('given a creation, then the creator owns it and takes part, and everybody else is only invited', () => {
  const state = given(create(['a', 'admin'], ['b', 'member']));
  assert.equal(state.owner, 'owner');
  assert.deepEqual([roleOf(state, 'owner'), standingOf(state, 'owner')], ['owner', 'joined']);
  assert.deepEqual([roleOf(state, 'a'), standingOf(state, 'a')], ['admin', 'invited']);
  assert.deepEqual([roleOf(state, 'b'), standingOf(state, 'b')], ['member', 'invited']);
});

test('given a group, when its id is used again, then only the very same request of its owner changes nothing', () => {
  const state = given(create(['a', 'member']));
  assert.deepEqual(decideGroup(state, create(['a', 'member']), LIMITS), { ok: true, events: [] });
  assert.equal(rejection(state, create(['b', 'member'])), 'group_exists');
  assert.equal(rejection(state, create(['a', 'admin'])), 'group_exists');
  assert.equal(rejection(state, { ...create(['a', 'member']), device: 'a' } as GroupCommand), 'group_exists');
  assert.equal(rejection(given(create(['a', 'member']), join('a')), create(['a', 'member'])), 'group_exists');
});

test('given an ended group, then its id is not free again', () => {
  const state = given(create(), leave('owner'));
  assert.equal(state.phase, 'ended');
  assert.equal(rejection(state, create()), 'group_exists');
  assert.equal(rejection(state, join('owner')), 'unknown_group');
});

test('given an invitation, when the invited device joins, then it takes part with the role of the invitation', () => {
  const state = given(create(), invite('owner', 'a', 'admin'), join('a'));
  assert.deepEqual([roleOf(state, 'a'), standingOf(state, 'a')], ['admin', 'joined']);
});

test('given no invitation, then nobody joins, and nobody learns that there is a group', () => {
  for (const command of [join('m'), leave('m'), invite('m', 'm'), remove('m', 'owner'), pause('m')]) {
    assert.equal(rejection(given(create()), command), 'unknown_group');
    assert.equal(rejection(VACANT_GROUP, command), 'unknown_group');
  }
});

test('given another number, then nobody joins or changes anything there', () => {
  const state = given(...TRIO);
  for (const command of [join('admin'), invite('owner', 'x'), remove('owner', 'member'), leave('member')]) {
    assert.equal(rejection(state, { ...command, number: 8 } as GroupCommand), 'wrong_channel');
  }
});

test('given roles, then owner and admin invite, and only the owner makes admins', () => {
  const state = given(...TRIO);
  assert.equal(rejection(state, invite('member', 'x')), 'role_too_low');
  assert.equal(rejection(state, invite('admin', 'x', 'admin')), 'role_too_low');
  assert.equal(standingOf(given(...TRIO, invite('admin', 'x')), 'x'), 'invited');
  assert.equal(roleOf(given(...TRIO, invite('owner', 'x', 'admin')), 'x'), 'admin');
});

test('given an invited admin that has not joined, then it may do nothing yet but join or decline', () => {
  const state = given(create(['admin', 'admin'], ['member', 'member']));
  assert.equal(rejection(state, invite('admin', 'x')), 'not_joined');
  assert.equal(rejection(state, remove('admin', 'member')), 'not_joined');
  assert.equal(standingOf(given(create(['admin', 'admin']), leave('admin')), 'admin'), undefined);
});

test('given a member, when it is invited again with another role, then its role stays', () => {
  const state = given(...TRIO);
  assert.equal(rejection(state, invite('admin', 'owner')), 'role_differs');
  assert.equal(rejection(state, invite('owner', 'member', 'admin')), 'role_differs');
  assert.equal(rejection(state, invite('owner', 'admin')), 'role_differs');
  assert.deepEqual(decideGroup(state, invite('admin', 'member'), LIMITS), { ok: true, events: [] });
});

test('given a removal, then the owner removes anybody else, an admin only plain members, a member nobody', () => {
  const state = given(...TRIO);
  for (const target of ['owner', 'member']) {
    assert.equal(rejection(state, remove('member', target)), 'role_too_low');
  }
  assert.equal(rejection(state, remove('admin', 'owner')), 'role_too_low');
  assert.equal(rejection(state, remove('admin', 'admin')), 'role_too_low');
  assert.equal(rejection(state, remove('owner', 'owner')), 'role_too_low');
  assert.equal(standingOf(given(...TRIO, remove('admin', 'member')), 'member'), undefined);
  assert.equal(standingOf(given(...TRIO, remove('owner', 'admin')), 'admin'), undefined);
  const other = given(...TRIO, invite('owner', 'admin2', 'admin'));
  assert.equal(rejection(other, remove('admin', 'admin2')), 'role_too_low');
});

test('given a removed member, then its old invitation is worth nothing, and a new one needs a new consent', () => {
  const removed = given(...TRIO, remove('owner', 'admin'));
  assert.equal(rejection(removed, join('admin')), 'unknown_group');
  const again = given(...TRIO, remove('owner', 'admin'), invite('owner', 'admin'));
  assert.deepEqual([roleOf(again, 'admin'), standingOf(again, 'admin')], ['member', 'invited']);
});

test('given a removal that was carried out, when it is asked for again, then nothing changes', () => {
  const state = given(...TRIO, remove('admin', 'member'));
  assert.deepEqual(decideGroup(state, remove('admin', 'member'), LIMITS), { ok: true, events: [] });
});

test('given a member that paused, then it is still a member, and returns by its own JOIN', () => {
  const paused = given(...TRIO, pause('member'));
  assert.deepEqual([roleOf(paused, 'member'), standingOf(paused, 'member')], ['member', 'paused']);
  assert.equal(standingOf(given(...TRIO, pause('member'), join('member')), 'member'), 'joined');
  assert.equal(rejection(given(...TRIO, pause('admin')), invite('admin', 'x')), 'not_joined');
});

test('given a role change, then only the owner makes one, and of members only', () => {
  const state = given(...TRIO);
  assert.equal(rejection(state, change('admin', 'member', 'admin')), 'role_too_low');
  assert.equal(rejection(state, change('member', 'member', 'owner')), 'role_too_low');
  assert.equal(rejection(state, change('owner', 'x', 'admin')), 'no_such_member');
  assert.equal(rejection(state, change('owner', 'owner', 'member')), 'owner_stays');
  assert.equal(roleOf(given(...TRIO, change('owner', 'member', 'admin')), 'member'), 'admin');
  assert.equal(roleOf(given(...TRIO, change('owner', 'admin', 'member')), 'admin'), 'member');
});

test('given a transfer, then there is one owner, who was one is an admin, and who never joined cannot be it', () => {
  const state = given(...TRIO, change('owner', 'member', 'owner'));
  assert.equal(state.owner, 'member');
  assert.deepEqual([roleOf(state, 'member'), roleOf(state, 'owner')], ['owner', 'admin']);
  const invited = given(create(['a', 'admin']));
  assert.equal(rejection(invited, change('owner', 'a', 'owner')), 'no_such_member');
});

test('given other members, then the owner stays; alone it leaves and the group ends, invitations with it', () => {
  assert.equal(rejection(given(...TRIO), leave('owner')), 'owner_stays');
  assert.equal(rejection(given(...TRIO, leave('admin'), pause('member')), leave('owner')), 'owner_stays');
  const ended = given(create(['a', 'member']), leave('owner'));
  assert.equal(ended.phase, 'ended');
  assert.equal(rejection(ended, join('a')), 'unknown_group');
});

test('given a limit, then neither a creation nor an invitation goes beyond it', () => {
  const many = ['a', 'b', 'c', 'd', 'e'].map((device) => [device, 'member'] as const);
  assert.equal(rejection(VACANT_GROUP, create(...many)), 'too_many_members');
  assert.equal(rejection(given(create(...many.slice(1))), invite('owner', 'x')), 'too_many_members');
});
