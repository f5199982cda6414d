import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { utf8 } from '../bytes.ts';
import { parseJson } from '../json/json.ts';
import { JsonFloat, type JsonValue } from '../json/json-value.ts';
import { LIMITS } from '../limits.ts';
import { parseAck } from './ack.ts';
import { ControlError } from './control-error.ts';
import { parseGroupCreate, parseGroupDocument, parseGroupInvite } from './groups.ts';
import { JOIN_SHAPE, parseJoin } from './join.ts';
import { parsePresence } from './presence.ts';

const EVERYTHING_WRONG: readonly JsonValue[] = [null, 1, 'x', [], new JsonFloat(1), {}];

describe('given a JOIN', () => {
  test('when it is not even an object, then it is an empty one', () => {
    for (const value of EVERYTHING_WRONG) {
      assert.deepEqual(parseJoin(value), { members: [], relay: false, groupId: undefined });
    }
  });

  test('when members hold doubles and things that are no texts, then they are skipped', () => {
    assert.deepEqual(parseJoin({ members: ['a', 1, 'b', null, 'a'] }).members, ['a', 'b']);
  });

  test('when a member can be no device, then the entry is named', () => {
    for (const id of ['', 'a b', 'a@b', 'ä', 'x'.repeat(LIMITS.DEVICE_ID_MAX + 1), 'a\n']) {
      assert.throws(() => parseJoin({ members: ['ok', id] }), /members\[1\]/);
    }
    assert.equal(parseJoin({ members: ['x'.repeat(LIMITS.DEVICE_ID_MAX)] }).members.length, 1);
  });

  test('when it lists more devices than allowed, then it is refused', () => {
    const members = Array.from({ length: LIMITS.MEMBERS_MAX + 1 }, (_, index) => `device-${index}`);
    assert.throws(() => parseJoin({ members }), ControlError);
    assert.equal(parseJoin({ members: members.slice(1) }).members.length, LIMITS.MEMBERS_MAX);
  });

  test('when its list holds far more entries than devices may be named, then it is refused, whatever they are', () => {
    const entries = 2 * LIMITS.MEMBERS_MAX;
    for (const entry of ['a', 1, null]) {
      const text = JSON.stringify({ members: Array.from({ length: entries + 1 }, () => entry) });
      assert.throws(() => parseJoin(parseJson(utf8(text), JOIN_SHAPE)), /members: more than 2048 entries/);
    }
    assert.deepEqual(parseJoin({ members: Array.from({ length: entries }, () => 'a') }).members, ['a']);
  });

  test('when the group id is too long, then it is refused', () => {
    assert.equal(parseJoin({ group_id: 'g', relay: true }).groupId, 'g');
    assert.throws(() => parseJoin({ group_id: 'g'.repeat(LIMITS.GROUP_ID_MAX + 1) }), ControlError);
  });
});

describe('given group frames', () => {
  test('when GROUP_CREATE is empty, then relay is on and nobody is listed', () => {
    const { groupId, relay, members, roles } = parseGroupCreate({});
    assert.deepEqual([groupId, relay, members, roles.size], [undefined, true, [], 0]);
  });

  test('when roles are unknown, then they mean member; keys that all objects have are devices like others', () => {
    const { roles } = parseGroupCreate({ roles: { a: 'admin', b: 'king', c: 1, constructor: 'owner' } });
    assert.deepEqual(
      [...roles],
      [
        ['a', 'admin'],
        ['b', 'member'],
        ['c', 'member'],
        ['constructor', 'owner'],
      ],
    );
    assert.equal(parseGroupCreate({}).roles.get('constructor'), undefined);
  });

  test('when GROUP_INVITE lacks a text that it needs, then it is refused', () => {
    assert.deepEqual(parseGroupInvite({ group_id: 'g', device: 'd' }), {
      groupId: 'g',
      device: 'd',
      role: 'member',
    });
    for (const value of [
      {},
      { group_id: 'g' },
      { device: 'd' },
      { group_id: '', device: 'd' },
      { group_id: 'g', device: 7 },
    ]) {
      assert.throws(() => parseGroupInvite(value), ControlError);
    }
  });

  test('when an invitation offers ownership, then it is one for an admin', () => {
    assert.equal(parseGroupInvite({ group_id: 'g', device: 'd', role: 'owner' }).role, 'admin');
  });

  test('when a GROUP_EVENT is none of ours, then it is free-form, whatever it is', () => {
    for (const value of [
      ...EVERYTHING_WRONG,
      { event: 'renamed' },
      { type: 'group-member-LEFT' },
      { type: 7 },
    ]) {
      assert.equal(parseGroupDocument(value, 'd'), undefined);
    }
  });

  test('when a GROUP_EVENT is one of ours, then it is read, with keys of its own for people', () => {
    const more = { group_id: 'g', by: 'd', description: 'somebody did something' };
    assert.deepEqual(parseGroupDocument({ type: 'group-member-left', ...more }, 'd'), {
      type: 'group-member-left',
      groupId: 'g',
    });
    assert.deepEqual(parseGroupDocument({ type: 'group-member-removed', device: 'x', ...more }, 'd'), {
      type: 'group-member-removed',
      groupId: 'g',
      device: 'x',
    });
    const change = { type: 'group-role-changed', device: 'x', role: 'owner', ...more };
    assert.deepEqual(parseGroupDocument(change, 'd'), {
      type: 'group-role-changed',
      groupId: 'g',
      device: 'x',
      role: 'owner',
    });
  });

  test('when one of ours lacks something, or speaks for another sender, then it is refused', () => {
    const removed = { type: 'group-member-removed', group_id: 'g', device: 'x' };
    const changed = { ...removed, type: 'group-role-changed', role: 'admin' };
    for (const value of [
      { type: 'group-member-left' },
      { type: 'group-member-left', group_id: '' },
      { type: 'group-member-left', group_id: 'x'.repeat(LIMITS.GROUP_ID_MAX + 1) },
      { ...removed, device: 7 },
      { ...removed, device: 'a@b' },
      { ...removed, by: 'x' },
      { ...removed, by: null },
      { ...changed, role: 'king' },
      { ...changed, role: undefined as unknown as null },
    ]) {
      assert.throws(() => parseGroupDocument(value, 'd'), ControlError, JSON.stringify(value));
    }
  });
});

describe('given PRESENCE and ACK', () => {
  test('when PRESENCE names no state, then it is online', () => {
    for (const value of EVERYTHING_WRONG) assert.equal(parsePresence(value).state, 'online');
    assert.equal(parsePresence({ state: 'away' }).state, 'away');
    assert.throws(() => parsePresence({ state: 'x'.repeat(LIMITS.PRESENCE_STATE_MAX + 1) }), ControlError);
  });

  test('when ACK confirms something that is no inbox number, then it is refused', () => {
    assert.equal(parseAck({ ack: LIMITS.MAX_SEQUENCE }).ack, LIMITS.MAX_SEQUENCE);
    for (const ack of [-1, 2 ** 32, 0.5, '1', null, 2n ** 60n, new JsonFloat(1)]) {
      assert.throws(() => parseAck({ ack }), ControlError);
    }
    for (const value of EVERYTHING_WRONG) assert.throws(() => parseAck(value), ControlError);
  });
});
