import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { STREAMS } from '../../events/streams.ts';
import { MemoryLog } from '../../log/memory/memory-log.ts';
import { systemClock, systemRandom } from '../../system/index.ts';
import { AccountReader } from './account-reader.ts';
import { type RegisterRequest, RegistrationDesk } from './registration-desk.ts';

const [KEY, OTHER_KEY] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
const ALICE: RegisterRequest = {
  userId: undefined,
  handle: 'alice',
  displayName: 'Alice',
  avatarUrl: null,
  device: { id: 'phone', publicKey: KEY },
};

let log: MemoryLog;
let desk: RegistrationDesk;

beforeEach(() => {
  log = new MemoryLog(systemClock);
  const policy = { domain: 'relay.test' };
  desk = new RegistrationDesk({ log, random: systemRandom, policy }, new AccountReader(log));
});

describe('given a registered user with a device', () => {
  test('when the same is asked for again, then it is found, with the same id, and nothing is written', async () => {
    const first = await desk.register(ALICE);
    assert.equal(first?.before, false);
    const { headPosition } = log;
    for (const handle of ['alice', 'ALICE', '\uff41lice']) {
      assert.deepEqual(await desk.register({ ...ALICE, handle }), { user: first.user, before: true });
    }
    assert.equal(log.headPosition, headPosition);
  });

  test('when the same is asked for while the first is not on disk yet, then both have the same end', async () => {
    const [first, second] = await Promise.all([desk.register(ALICE), desk.register(ALICE)]);
    assert.deepEqual([first?.before, second?.before], [false, true]);
    assert.deepEqual(second?.user, first?.user);
  });

  test('when its profile has changed since, then the one in force is shown and stays', async () => {
    const first = await desk.register(ALICE);
    const user = first?.user.id ?? '';
    const changed = { displayName: 'Alice B.', avatarUrl: null, device: 'phone' };
    await log.append([STREAMS.profile.append(user, 'any', [{ type: 'user.profile_changed', ...changed }])]);
    const again = await desk.register(ALICE);
    assert.deepEqual([again?.before, again?.user.displayName], [true, 'Alice B.']);
  });

  const others: Readonly<Record<string, Partial<RegisterRequest>>> = {
    'the device with another key': { device: { id: 'phone', publicKey: OTHER_KEY } },
    'another device with the same key': { device: { id: 'tablet', publicKey: KEY } },
    'the device for another handle': { handle: 'carol' },
    'the handle without a device': { device: undefined },
    'the id of another user': { userId: 'f'.repeat(64) },
  };
  for (const [what, changes] of Object.entries(others)) {
    test(`when somebody asks for ${what}, then it is refused and nothing is written`, async () => {
      await desk.register(ALICE);
      const { headPosition } = log;
      assert.equal(await desk.register({ ...ALICE, ...changes }), undefined);
      assert.equal(log.headPosition, headPosition);
    });
  }

  test('when its own user id is named, then it is found; an id that nobody has registers nobody', async () => {
    const first = await desk.register(ALICE);
    const found = await desk.register({ ...ALICE, userId: first?.user.id });
    assert.deepEqual([found?.before, found?.user], [true, first?.user]);
    assert.equal(await desk.register({ ...ALICE, handle: 'bob', userId: first?.user.id }), undefined);
  });
});

describe('given a user that was registered without a device', () => {
  test('when the same is asked for again, then it is found; a device is not added to it', async () => {
    const first = await desk.register({ ...ALICE, device: undefined });
    const again = await desk.register({ ...ALICE, device: undefined });
    assert.deepEqual(again, { user: first?.user, before: true });
    assert.equal(await desk.register(ALICE), undefined);
  });
});
