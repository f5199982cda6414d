import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { sodiumBackend as backend } from '../../src/crypto/index.ts';
import { STREAMS } from '../../src/events/streams.ts';
import { parseRegistration, register } from '../../src/operator/registration.ts';
import { toHex } from '../../src/protocol/bytes.ts';
import { deriveDeviceKey } from '../../src/protocol/identity/keys.ts';
import { type RunningServer, startRunningServer } from '../kit/running-server.ts';
import { WireClient } from '../kit/wire-client.ts';

const limits = { timeout: 30_000 };
let server: RunningServer;

before(async () => {
  server = await startRunningServer();
});
after(() => server[Symbol.asyncDispose]());

/** Connects as a device with this handle; returns the handle of its account. */
async function enter(device: string, handle: string): Promise<string> {
  const client = await WireClient.connect(server, device, { hello: { user: { handle } } });
  client.close();
  return client.facts.user.handle;
}

function publicKeyOf(device: string): string {
  const seed = createHash('sha512').update(device).digest();
  return toHex(deriveDeviceKey(backend, seed).publicKey);
}

test(
  'given an account, when strangers choose handles that look the same, then none gets in',
  limits,
  async () => {
    assert.equal(await enter('owner', 'Jose\u0301-W'), 'Jos\u00e9-W');
    for (const [index, handle] of ['Jos\u00e9-W', 'JOSE\u0301-w', 'jos\u00e9\uff0dw'].entries()) {
      await assert.rejects(enter(`stranger-${index}`, handle), /pairing/, handle);
    }
    for (const handle of ['Jos\u00e9-W\u200d', 'j\u03bfs\u00e9-w', 'Jos\u00e9-W\u3164']) {
      await assert.rejects(enter('stranger', handle), /invalid request/, handle);
    }
    assert.equal(await enter('owner', 'JOSE\u0301-w'), 'Jos\u00e9-W');
    await assert.rejects(enter('owner', 'joseph'), /invalid request/);
    // As long as a handle may be, and several times as long once it is folded or decomposed.
    for (const handle of ['\u3316'.repeat(64), '\ufdfb'.repeat(64), '\u1f82'.repeat(64)]) {
      for (const device of ['owner', 'stranger']) {
        await assert.rejects(enter(device, handle), /invalid request/, handle);
      }
    }
  },
);

test('given register, then its handles obey the same rules and are the same handles', limits, async () => {
  const { accounts } = server.server.relay;
  const { user } = await register(accounts, parseRegistration({ handle: 'Zoe\u0308' }));
  const found = await register(accounts, parseRegistration({ handle: 'zo\u00eb' }));
  assert.deepEqual(found, { user, before: true });
  const device = { device_id: 'other', device_public: publicKeyOf('other') };
  await assert.rejects(register(accounts, parseRegistration({ handle: 'zo\u00eb', ...device })), {
    code: 'REGISTRATION_TAKEN',
  });
  await assert.rejects(enter('other', 'ZO\u00cb'), /pairing/);
  for (const handle of ['a b', 'a@b', 'a\u200db', '\u0430lice', '\u{e0061}', 'a\u0378']) {
    assert.throws(() => parseRegistration({ handle }), { code: 'REGISTRATION_INVALID' }, handle);
  }
});

test(
  'given an account from before handles had a form, then its device goes on, and its handle is taken in every form',
  limits,
  async () => {
    const [device, user, handle] = ['veteran', 'user-of-old', 'Rene\u0301 \u200d'];
    const profile = { domain: server.domain, displayName: null, avatarUrl: null };
    await server.server.log.append([
      STREAMS.handle.append(handle, 'no-stream', [{ type: 'handle.reserved', user }]),
      STREAMS.user.append(user, 'no-stream', [
        { type: 'user.registered', user, handle, ...profile },
        { type: 'user.device_added', device },
      ]),
      STREAMS.device.append(device, 'no-stream', [
        { type: 'device.registered', device, user, publicKey: publicKeyOf(device), by: 'operator' },
      ]),
    ]);
    assert.equal(await enter(device, handle), handle);
    assert.equal(await enter(device, handle.normalize('NFC')), handle);
    for (const form of [handle, handle.normalize('NFC')]) {
      await assert.rejects(enter('newcomer', form), /pairing/);
    }
  },
);
