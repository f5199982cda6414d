import { copyBytes, toHex } from '../../src/protocol/bytes.ts';
import type { CryptoBackend, KeyPair } from '../../src/protocol/crypto-backend.ts';
import { noiseKeyPair } from '../../src/protocol/identity/keys.ts';
import { HandshakeState, type NoisePattern } from '../../src/protocol/noise/noise.ts';
import type { CipherState } from '../../src/protocol/noise/noise-cipher-state.ts';
import { scriptedRandom } from './material.ts';

/** Everything that determines a handshake but its payloads. */
export interface NoiseInputs {
  readonly pattern: NoisePattern;
  readonly prologue: Uint8Array;
  readonly clientStatic: KeyPair;
  readonly serverStatic: KeyPair;
  /** Private keys. */
  readonly clientEphemeral: Uint8Array;
  readonly serverEphemeral: Uint8Array;
}

/** Both ends of a handshake with fixed ephemeral keys. The client is the initiator. */
export function noisePair(backend: CryptoBackend, inputs: NoiseInputs) {
  const { pattern, prologue, clientStatic, serverStatic } = inputs;
  const common = { backend, pattern, prologue, random: scriptedRandom() };
  const client = new HandshakeState({
    ...common,
    initiator: true,
    staticKey: clientStatic,
    remoteStatic: serverStatic.publicKey,
    ephemeralForTests: inputs.clientEphemeral,
  });
  const server = new HandshakeState({
    ...common,
    initiator: false,
    staticKey: serverStatic,
    ephemeralForTests: inputs.serverEphemeral,
  });
  return { client, server };
}

/** The inputs as fields of a case. */
export function noiseInputsJson(backend: CryptoBackend, inputs: NoiseInputs) {
  return {
    pattern: inputs.pattern,
    prologue: toHex(inputs.prologue),
    client_static_private: toHex(inputs.clientStatic.privateKey),
    client_static_public: toHex(inputs.clientStatic.publicKey),
    server_static_private: toHex(inputs.serverStatic.privateKey),
    server_static_public: toHex(inputs.serverStatic.publicKey),
    client_ephemeral_private: toHex(inputs.clientEphemeral),
    client_ephemeral_public: toHex(noiseKeyPair(backend, inputs.clientEphemeral).publicKey),
    server_ephemeral_private: toHex(inputs.serverEphemeral),
    server_ephemeral_public: toHex(noiseKeyPair(backend, inputs.serverEphemeral).publicKey),
  };
}

/**
 * A backend that tells with which key its `aeadSeal` worked last: ciphers keep their keys to themselves, and vectors show
 * them.
 */
export function tellingBackend(backend: CryptoBackend) {
  let last: Uint8Array = new Uint8Array(0);
  const telling: CryptoBackend = {
    ...backend,
    aeadSeal: (key, nonce, ad, plaintext) => {
      last = copyBytes(key);
      return backend.aeadSeal(key, nonce, ad, plaintext);
    },
  };
  const encryptAndTell = (cipher: CipherState, plaintext: Uint8Array) => {
    const ciphertext = cipher.encrypt(plaintext);
    return { ciphertext, key: last };
  };
  return { backend: telling, encryptAndTell };
}
