import assert from 'node:assert/strict';
import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { issueCertificate } from '../../protocol/identity/certificate.ts';
import { nodeBackend as backend, nodeRandom as random } from '../platform-node.ts';
import { createDevice } from './device.ts';
import { type DeviceState, newDeviceState } from './device-store.ts';
import { FileDeviceStore } from './file-store.ts';

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
    epoch: 'e'.repeat(32),
    ticket: 'AWqM8_-',
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

test('given a symbolic link, when the device is saved, then the link stays and the file behind it is replaced', async () => {
  const place = join(folder, 'links');
  await mkdir(join(place, 'real'), { recursive: true });
  await symlink('real/device.json', join(place, 'second'));
  await symlink('second', join(place, 'first'));
  const store = new FileDeviceStore(join(place, 'first'));
  // At first the links lead to nothing.
  for (const sequence of [1, 2]) {
    await store.save({ ...fullState(), sequence });
    assert.equal((await store.load())?.sequence, sequence);
    assert.equal((await new FileDeviceStore(join(place, 'real', 'device.json')).load())?.sequence, sequence);
    assert.equal((await lstat(join(place, 'real', 'device.json'))).isFile(), true);
    assert.equal((await stat(join(place, 'real', 'device.json'))).mode & 0o777, 0o600);
  }
  assert.equal(await readlink(store.path), 'second');
  assert.deepEqual((await readdir(join(place, 'real'))).concat(await readdir(place)), [
    'device.json',
    'first',
    'real',
    'second',
  ]);
});

test('given a link to a folder that is not there, when the device is saved, then it is made', async () => {
  const store = new FileDeviceStore(join(folder, 'dangling'));
  await symlink('elsewhere/deep/device.json', store.path);
  await store.save(fullState());
  assert.equal((await stat(join(folder, 'elsewhere', 'deep', 'device.json'))).isFile(), true);
});

test('given links in a circle, when the device is saved or loaded, then that fails and they stay', async () => {
  const [one, two] = [join(folder, 'one'), join(folder, 'two')];
  await symlink(two, one);
  await symlink(one, two);
  await assert.rejects(new FileDeviceStore(one).save(fullState()), { code: 'ELOOP' });
  await assert.rejects(new FileDeviceStore(one).load(), { code: 'CLIENT_STORE' });
  assert.equal(await readlink(one), two);
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
    await assert.rejects(store.load(), { code: 'CLIENT_STORE' }, bad);
  }
});
