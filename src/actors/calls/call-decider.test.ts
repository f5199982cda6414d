import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CallCommand, type CallState, decideCall, evolveCall, NO_CALL } from './call-decider.ts';

function offer(...participants: string[]): CallCommand {
  const [device = ''] = participants;
  return {
    type: 'offer',
    call: 'c',
    channel: 'k',
    device,
    participants,
    mode: 'full_duplex',
    video: false,
  };
}

const answer = (device: string, accept: boolean): CallCommand => ({
  type: 'answer',
  device,
  accept,
  reason: null,
});

function given(...commands: CallCommand[]): CallState {
  let state = NO_CALL;
  for (const command of commands) {
    const decision = decideCall(state, command);
    assert.ok(decision.ok, `refused: ${JSON.stringify(command)}`);
    state = decision.events.reduce(evolveCall, state);
  }
  return state;
}

test('given a call of three, when one declines, then it goes on and the third can still answer', () => {
  const state = given(offer('a', 'b', 'c'), answer('b', false));
  assert.equal(state.phase, 'ringing');
  assert.equal(decideCall(state, answer('c', true)).ok, true);
});

test('given a call of two, when the other declines, then it ends', () => {
  assert.equal(given(offer('a', 'b'), answer('b', false)).phase, 'ended');
});

test('given a ringing call, when a device that has not answered disconnects, then nothing changes', () => {
  const before = given(offer('a', 'b', 'c'));
  assert.deepEqual(decideCall(before, { type: 'disconnect', device: 'b' }), { ok: true, events: [] });
});

test('given an active call of two, when one disconnects, then it ends', () => {
  const state = given(offer('a', 'b'), answer('b', true), { type: 'disconnect', device: 'a' });
  assert.equal(state.phase, 'ended');
});

test('given an active call of three, when one hangs up, then the other two go on', () => {
  const hangUp: CallCommand = { type: 'end', device: 'a', reason: 'hangup' };
  const state = given(offer('a', 'b', 'c'), answer('b', true), answer('c', true), hangUp);
  assert.equal(state.phase, 'active');
  assert.deepEqual(decideCall(state, { type: 'report', device: 'a' }), {
    ok: false,
    rejection: 'not_in_call',
  });
  assert.equal(given(offer('a', 'b', 'c'), answer('b', true), hangUp).phase, 'active');
});

test('given a ringing call, when its initiator cancels, then it ends', () => {
  const state = given(offer('a', 'b', 'c'), { type: 'end', device: 'a', reason: 'cancel' });
  assert.equal(state.phase, 'ended');
});

test('given an unanswered offer, when its initiator repeats it, then nothing changes; another one is refused', () => {
  const state = given(offer('a', 'b'));
  assert.deepEqual(decideCall(state, offer('a', 'b')), { ok: true, events: [] });
  assert.deepEqual(decideCall(state, offer('b', 'a')), { ok: false, rejection: 'call_exists' });
});

test('given an ended call, when its id is offered again, then it is refused', () => {
  const state = given(offer('a', 'b'), answer('b', false));
  assert.deepEqual(decideCall(state, offer('a', 'b')), { ok: false, rejection: 'call_exists' });
});

test('given a stranger, when it answers, then it is refused', () => {
  assert.deepEqual(decideCall(given(offer('a', 'b')), answer('m', true)), {
    ok: false,
    rejection: 'not_in_call',
  });
});

test('given no call, when anything but an offer comes, then the call is unknown', () => {
  assert.deepEqual(decideCall(NO_CALL, answer('a', true)), { ok: false, rejection: 'unknown_call' });
});

test('given a channel with nobody else in it, when a call is offered, then it is refused', () => {
  assert.deepEqual(decideCall(NO_CALL, offer('a')), { ok: false, rejection: 'call_alone' });
});
