import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ChannelCommand,
  type ChannelState,
  decideChannel,
  evolveChannel,
  VACANT_CHANNEL,
} from './channel-decider.ts';

const LIMITS = { members: 4 };
const nobody = { listed: [], admitted: [] };
const named = (...listed: string[]) => ({ listed, admitted: [] });

function given(...commands: ChannelCommand[]): ChannelState {
  let state = VACANT_CHANNEL;
  for (const command of commands) {
    const decision = decideChannel(state, command, LIMITS);
    assert.ok(decision.ok, `refused: ${JSON.stringify(command)}`);
    state = decision.events.reduce(evolveChannel, state);
  }
  return state;
}

const open = (device: string, listed: string[] = [], openRoom = false): ChannelCommand => ({
  type: 'open',
  device,
  number: 7,
  relay: true,
  openRoom,
  named: named(...listed),
});

test('given an open by a that names b, then a takes part and b is only listed', () => {
  const state = given(open('a', ['b', 'a', 'b']));
  assert.deepEqual([...state.participants.keys()], ['a']);
  assert.deepEqual([...state.listed.keys()], ['b']);
});

test('given a channel of a and b, when a stranger joins, then it is refused', () => {
  const state = given(open('a', ['b']), { type: 'join', device: 'b', named: nobody });
  const decision = decideChannel(state, { type: 'join', device: 'm', named: named('a', 'b') }, LIMITS);
  assert.deepEqual(decision, { ok: false, rejection: 'not_listed' });
});

test('given a listed device, when it joins, then it takes part and is listed no more', () => {
  const state = given(open('a', ['b']), { type: 'join', device: 'b', named: nobody });
  assert.deepEqual([...state.participants.keys()], ['a', 'b']);
  assert.equal(state.listed.size, 0);
});

test('given a member, when it joins again, then nothing is decided', () => {
  const state = given(open('a', ['b']));
  const decision = decideChannel(state, { type: 'join', device: 'a', named: named('b') }, LIMITS);
  assert.deepEqual(decision, { ok: true, events: [] });
});

test('given a member that names a third, when it joins again, then the third is listed', () => {
  const state = given(open('a', ['b']), { type: 'join', device: 'a', named: named('b', 'c') });
  assert.deepEqual([...state.listed.keys()], ['b', 'c']);
});

test('given a stranger, when it leaves, then nothing is decided', () => {
  const state = given(open('a', ['b']));
  assert.deepEqual(decideChannel(state, { type: 'leave', device: 'm' }, LIMITS), { ok: true, events: [] });
});

test('given two members, when one leaves, then the other stays and the channel lives', () => {
  const state = given(
    open('a', ['b']),
    { type: 'join', device: 'b', named: nobody },
    { type: 'leave', device: 'a' },
  );
  assert.deepEqual([...state.participants.keys()], ['b']);
  assert.equal(state.phase, 'open');
});

test('given the last member leaves, then the channel is closed for good', () => {
  const state = given(open('a', ['b']), { type: 'leave', device: 'a' });
  assert.equal(state.phase, 'closed');
  const decision = decideChannel(state, { type: 'join', device: 'b', named: nobody }, LIMITS);
  assert.deepEqual(decision, { ok: false, rejection: 'channel_closed' });
});

test('given a full channel, when one more is named, then it is refused and nothing changes', () => {
  const state = given(open('a', ['b', 'c', 'd']));
  const decision = decideChannel(state, { type: 'join', device: 'a', named: named('e') }, LIMITS);
  assert.deepEqual(decision, { ok: false, rejection: 'too_many_members' });
});

test('given an open room, when anybody joins, then it takes part', () => {
  const state = given(open('a', [], true), { type: 'join', device: 'z', named: nobody });
  assert.deepEqual([...state.participants.keys()], ['a', 'z']);
});

test('given a device that was admitted, when it joins, then it takes part by its own will', () => {
  const admitted: ChannelCommand = { ...open('a'), named: { listed: [], admitted: ['b'] } } as ChannelCommand;
  const before = given(admitted);
  assert.equal(before.participants.get('b'), false);
  const after = given(admitted, { type: 'join', device: 'b', named: nobody });
  assert.equal(after.participants.get('b'), true);
});
