import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { issueCertificate } from '../protocol/certificate.ts';
import { createDevice } from './device.ts';
import { type DeviceState, newDeviceState } from './device-store.ts';
import { FileDeviceStore } from './file-store.ts';
import { nodeBackend as backend, nodeRandom as random } from './platform-node.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'commucat-store-'));
});
after(() => rm(folder, { recursive: true }));

function fullState(): DeviceState {
  const device = createDevice({ random, backend, deviceId: 'phone', handle: 'ada' });
  const certificate = issueCertificate(backend.ed25519Signer(new Uint8Array(32).fill(3)), {
    serial: 0xffff_ffff_ffff_ffffn,
    userId: 'user',
    deviceId: 'phone',
    publicKey: device.publicKey,
    issuedAt: 1,
    expiresAt: 2,
  });
  return {
    device: { ...device, userId: 'user', certificate },
    sequence: 4_294_967_295,
    processed: 0,
    authority: certificate.issuer,
  };
}

test('given no file, when it is loaded, then there is no state', async () => {
  assert.equal(await new FileDeviceStore(join(folder, 'nothing.json')).load(), undefined);
});

test('given a state with everything in it, when it is saved and loaded, then it is the same, down to the last bit of a serial', async () => {
  const store = new FileDeviceStore(join(folder, 'deep', 'device.json'));
  const state = fullState();
  await store.save(state);
  assert.deepEqual(await store.load(), state);
});

test('given saves, when they are done, then one file is left that only its owner may read', async () => {
  const store = new FileDeviceStore(join(folder, 'mode', 'device.json'));
  await store.save(fullState());
  await store.save({ ...fullState(), sequence: 7 });
  assert.deepEqual(await readdir(join(folder, 'mode')), ['device.json']);
  assert.equal((await stat(store.path)).mode & 0o777, 0o600);
  assert.equal((await stat(join(folder, 'mode'))).mode & 0o777, 0o700);
  assert.equal((await store.load())?.sequence, 7);
});

test('given a save that cannot be finished, when it fails, then the old state stays and nothing lies beside it', async () => {
  const store = new FileDeviceStore(join(folder, 'failing', 'device.json'));
  const state = newDeviceState(createDevice({ random, backend }));
  await store.save(state);
  await assert.rejects(store.save({ ...state, sequence: Number.NaN }));
  assert.deepEqual(await store.load(), state);
  assert.deepEqual(await readdir(join(folder, 'failing')), ['device.json']);
});

test('given a damaged file, when it is loaded, then it is refused instead of replaced by a new device', async () => {
  const path = join(folder, 'damaged.json');
  const store = new FileDeviceStore(path);
  await store.save(newDeviceState(createDevice({ random, backend })));
  const good = await readFile(path, 'utf8');
  for (const bad of [
    good.slice(0, 40),
    '',
    '{}',
    good.replace(/"private_key":"../, '"private_key":"zz'),
    good.replace('"sequence":0', '"sequence":-1'),
  ]) {
    await writeFile(path, bad);
    await assert.rejects(store.load(), bad);
  }
});
