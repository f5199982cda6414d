import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Presence, PresenceUser } from '../../src/presence/presence.ts';

/** What the contract needs to know about an adapter under test. */
export interface PresenceUnderTest {
  readonly presence: Presence;
  readonly ttlMs: number;
  /** The adapter's clock, in milliseconds since the Unix epoch. */
  now(): number;
  /** Lets that much time pass for the adapter. */
  pass(ms: number): Promise<void>;
}

const USER: PresenceUser = { id: 'u-1', handle: 'ada', displayName: 'Ada', avatarUrl: null };

/** Registers the tests that every adapter of `Presence` passes; `create` makes a fresh, empty one for each. */
export function presenceContract(adapter: string, create: () => Promise<PresenceUnderTest>): void {
  test(`${adapter}: given nobody has been there, when a device is asked for, then there is no entry`, async () => {
    const { presence } = await create();
    assert.equal(await presence.get('d-1'), undefined);
  });

  test(`${adapter}: given an established session, when its device is asked for, then it is online with its user until the ttl`, async () => {
    const { presence, ttlMs, now } = await create();
    await presence.online('d-1', 1, USER);
    assert.deepEqual(await presence.get('d-1'), {
      entity: 'd-1',
      state: 'online',
      expiresAt: now() + ttlMs,
      user: USER,
    });
    assert.equal(await presence.get('d-2'), undefined);
  });

  test(`${adapter}: given no refresh, when the ttl has passed, then the entry is gone`, async () => {
    const { presence, ttlMs, pass } = await create();
    await presence.online('d-1', 1, null);
    await pass(ttlMs);
    assert.equal(await presence.get('d-1'), undefined);
  });

  test(`${adapter}: given a connection that is refreshed, when several ttls have passed, then it still is what it said last`, async () => {
    const { presence, ttlMs, pass } = await create();
    await presence.online('d-1', 1, USER);
    await presence.publish('d-1', 1, 'away');
    for (let round = 0; round < 10; round += 1) {
      await pass(ttlMs / 2);
      await presence.refresh('d-1', 1);
    }
    const entry = await presence.get('d-1');
    assert.equal(entry?.state, 'away');
    assert.deepEqual(entry?.user, USER);
  });

  test(`${adapter}: given a session that has ended, when its device is asked for, then it is offline, and forgotten after the ttl`, async () => {
    const { presence, ttlMs, pass } = await create();
    await presence.online('d-1', 1, USER);
    await presence.offline('d-1', 1);
    assert.equal((await presence.get('d-1'))?.state, 'offline');
    await pass(ttlMs);
    assert.equal(await presence.get('d-1'), undefined);
  });

  test(`${adapter}: given a second connection of a device, when the first one speaks, refreshes or ends, then the second's entry stays`, async () => {
    const { presence, ttlMs, pass } = await create();
    await presence.online('d-1', 7, null);
    await presence.online('d-1', 3, USER);
    await presence.publish('d-1', 7, 'ghost');
    await presence.offline('d-1', 7);
    assert.equal((await presence.get('d-1'))?.state, 'online');
    assert.deepEqual((await presence.get('d-1'))?.user, USER);
    await pass(ttlMs / 2);
    await presence.refresh('d-1', 7);
    await pass(ttlMs / 2);
    assert.equal(await presence.get('d-1'), undefined);
  });

  test(`${adapter}: given a session that never was online, when it publishes, then nothing appears`, async () => {
    const { presence } = await create();
    await presence.publish('d-1', 1, 'online');
    await presence.refresh('d-1', 1);
    assert.equal(await presence.get('d-1'), undefined);
  });
}
