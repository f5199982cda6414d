import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SessionActor } from './session.ts';

const HANDSHAKE = ['RESOLVED', 'PROVED', 'COMMITTED', 'BEGUN'] as const;

describe('given the actor of a session', () => {
  test('when its handshake goes on step by step, then it is in one state after the other', () => {
    const actor = new SessionActor();
    const states = ['resolving', 'awaitingProof', 'committing', 'acknowledging', 'established'] as const;
    for (const [index, state] of states.entries()) {
      assert.ok(actor.is(state), state);
      const event = HANDSHAKE[index];
      if (event !== undefined) actor.send(event);
    }
  });

  for (const end of ['REPLACED', 'FAILED', 'CLOSED'] as const) {
    test(`when ${end} comes to the established session, then it has ended, and nothing brings it back`, () => {
      const actor = new SessionActor();
      for (const event of HANDSHAKE) actor.send(event);
      actor.send(end);
      for (const event of ['BEGUN', ...HANDSHAKE] as const) actor.send(event);
      assert.ok(!actor.is('established'));
      assert.ok(!actor.is('resolving'));
    });
  }

  test('when an event comes that an established session has no use for, then it stays established', () => {
    const actor = new SessionActor();
    for (const event of HANDSHAKE) actor.send(event);
    actor.send('RESOLVED');
    assert.ok(actor.is('established'));
  });
});
