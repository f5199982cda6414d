import type { DeviceIdentity } from '../../src/client/device/device.ts';
import type { CryptoBackend } from '../../src/protocol/crypto-backend.ts';
import { issueCertificate } from '../../src/protocol/identity/certificate.ts';
import { deriveAuthorityKey, deriveDeviceKey, noiseKeyPair } from '../../src/protocol/identity/keys.ts';
import { material } from './material.ts';

/** Who takes part in the transcripts: one server, and the device whose side is shown. Times are seconds. */
export const WORLD = {
  domain: 'clowder.example',
  prologue: 'commucat',
  deviceId: 'manx-laptop',
  peerId: 'tabby-phone',
  channel: 31,
  now: 1_790_000_000,
  capabilities: ['delivery-ack', 'resume'],
  epoch: '00112233445566778899aabbccddeeff',
  user: { id: 'user-manx', handle: 'manx', displayName: 'Manx', avatarUrl: null },
} as const;

const CERTIFICATE_LIFE = 30 * 86_400;

export function sessionKeys(backend: CryptoBackend) {
  const deviceSeed = material('transcript device', 64);
  return {
    deviceSeed,
    device: deriveDeviceKey(backend, deviceSeed),
    authority: deriveAuthorityKey(backend, material('transcript authority')),
    server: noiseKeyPair(backend, material('transcript server')),
  };
}

/** What the server issued on the first connection. */
export function sessionCertificate(backend: CryptoBackend) {
  const { authority, device } = sessionKeys(backend);
  return issueCertificate(backend.ed25519Signer(authority.privateKey), {
    serial: 13_370_000_000_000_000_001n,
    userId: WORLD.user.id,
    deviceId: WORLD.deviceId,
    publicKey: device.publicKey,
    issuedAt: WORLD.now,
    expiresAt: WORLD.now + CERTIFICATE_LIFE,
  });
}

/** The device before its first connection, or with what it learned there. */
export function sessionDevice(backend: CryptoBackend, registered: boolean): DeviceIdentity {
  const known = { userId: WORLD.user.id, certificate: sessionCertificate(backend) };
  return {
    deviceId: WORLD.deviceId,
    handle: WORLD.user.handle,
    ...sessionKeys(backend).device,
    ...(registered ? known : { userId: undefined, certificate: undefined }),
  };
}
