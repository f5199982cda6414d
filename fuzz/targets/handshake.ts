import { sodiumBackend } from '../../src/crypto/index.ts';
import type { CryptoBackend } from '../../src/protocol/crypto-backend.ts';
import { noiseKeyPair } from '../../src/protocol/identity/keys.ts';
import { proveWithNonceForTests, verifyDeviceKeyProof } from '../../src/protocol/identity/proof.ts';
import { nobleBackend } from '../../src/protocol/noble-backend.ts';
import { HandshakeState } from '../../src/protocol/noise/noise.ts';
import { NoiseError } from '../../src/protocol/noise/noise-error.ts';
import type { NoisePattern } from '../../src/protocol/noise/noise-patterns.ts';
import { attempt, must, mustEqual } from '../oracles.ts';
import type { FuzzTarget } from '../target.ts';

const PROLOGUE = Buffer.from('commucat');
const CLIENT = noiseKeyPair(sodiumBackend, new Uint8Array(32).fill(1));
const SERVER = noiseKeyPair(sodiumBackend, new Uint8Array(32).fill(2));
const fixed = { bytes: (length: number) => new Uint8Array(length).fill(5) };

function side(backend: CryptoBackend, pattern: NoisePattern, initiator: boolean): HandshakeState {
  const staticKey = initiator ? CLIENT : SERVER;
  const remote = initiator ? { remoteStatic: SERVER.publicKey } : {};
  return new HandshakeState({
    backend,
    pattern,
    random: fixed,
    initiator,
    prologue: PROLOGUE,
    staticKey,
    ...remote,
  });
}

/** What the responder makes of the message: its plaintext or the code of its refusal. */
function answer(backend: CryptoBackend, pattern: NoisePattern, message: Uint8Array): Uint8Array | string {
  const { value, error } = attempt(() => side(backend, pattern, false).readMessage(message));
  must(error === undefined || error instanceof NoiseError, 'a handshake fails with NoiseError');
  return value ?? error?.code ?? '';
}

/** Message 1 of an honest client with the bytes of the input laid over it. */
function changed(pattern: NoisePattern, difference: Uint8Array): Uint8Array {
  const message = side(sodiumBackend, pattern, true).writeMessage(Buffer.from('five!'));
  return message.map((byte, index) => byte ^ (difference[index] ?? 0));
}

const DEVICE_SEED = new Uint8Array(32).fill(6);
const DEVICE = sodiumBackend.ed25519Public(DEVICE_SEED);
const statement = {
  domain: 'example.org',
  deviceId: 'device-1',
  devicePublic: DEVICE,
  clientStatic: CLIENT.publicKey,
};

/** 32 bytes each: device key, commitment, response. */
function checkProof(data: Uint8Array): void {
  const proof = { commitment: data.slice(32, 64), response: data.slice(64, 96) };
  const claim = { ...statement, devicePublic: data.slice(0, 32), proof };
  const fast = verifyDeviceKeyProof(sodiumBackend, claim);
  mustEqual(verifyDeviceKeyProof(nobleBackend, claim), fast, 'both backends agree on a proof');
}

const PATTERNS = ['XK', 'IK'] as const;

export const target: FuzzTarget = {
  name: 'handshake',
  about: 'Noise message 1 and the proof of the device key: only NoiseError, both backends agree',
  maxLength: 300,
  form: 'bytes',
  seeds: () => {
    const proof = proveWithNonceForTests(sodiumBackend, DEVICE_SEED, statement, new Uint8Array(64).fill(4));
    const messages = PATTERNS.map((pattern, index) =>
      Buffer.concat([Buffer.of(index), changed(pattern, Buffer.of())]),
    );
    const identity = Buffer.concat([Buffer.of(1), new Uint8Array(31)]);
    return [
      ...messages,
      Buffer.of(2),
      Buffer.of(3, 0, 0, 1),
      Buffer.concat([Buffer.of(4), DEVICE, proof.commitment, proof.response]),
      Buffer.concat([Buffer.of(4), identity, identity, Buffer.of(1), new Uint8Array(31)]),
      Buffer.concat([Buffer.of(4), DEVICE, identity, new Uint8Array(32).fill(255)]),
    ];
  },
  run(data) {
    const mode = (data[0] ?? 0) % 5;
    const body = data.subarray(1);
    if (mode === 4) {
      checkProof(body);
      return;
    }
    const pattern = PATTERNS[mode % 2] ?? 'XK';
    const message = mode < 2 ? body : changed(pattern, body);
    const fast = answer(sodiumBackend, pattern, message);
    mustEqual(answer(nobleBackend, pattern, message), fast, 'both backends agree');
    const isHonest = mode >= 2 && body.every((byte, index) => byte === 0 || index >= message.length);
    if (isHonest) mustEqual(Buffer.from(fast).toString(), 'five!', 'an honest message is read');
    else if (mode >= 2) must(typeof fast === 'string', 'a changed message is refused');
  },
};
