import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import createNoise from 'noise-c.wasm';
import { sodiumBackend } from '../../src/crypto/index.ts';
import { toHex, utf8 } from '../../src/protocol/bytes.ts';
import type { CryptoBackend } from '../../src/protocol/crypto-backend.ts';
import { noiseKeyPair } from '../../src/protocol/identity/keys.ts';
import { nobleBackend } from '../../src/protocol/noble-backend.ts';
import { HandshakeState } from '../../src/protocol/noise/noise.ts';
import { NOISE_PATTERNS, type NoisePattern } from '../../src/protocol/noise/noise-patterns.ts';
import { seededRandom } from '../kit/seeded-random.ts';

type Library = Parameters<Parameters<typeof createNoise>[0]>[0];

/** The library calls back from a promise of its own, so a plain await would adopt it as a thenable and loop. */
const library = await new Promise<{ noise: Library }>((done) => createNoise((noise) => done({ noise })));

const NO_AD = new Uint8Array(0);
const PAYLOAD_LENGTHS = [0, 1, 300, 4000];
const TRANSPORT_LENGTHS = [0, 1, 15, 16, 17, 300, 16_383, 16_384, 20_000, 65_519];

interface Transport {
  encrypt(plaintext: Uint8Array): Uint8Array;
  decrypt(ciphertext: Uint8Array): Uint8Array;
}

/** What both implementations can do, under one set of names. */
interface Peer {
  write(payload: Uint8Array): Uint8Array;
  read(message: Uint8Array): Uint8Array;
  finish(): Transport & { readonly hash: string; readonly remote: string };
}

interface Side {
  readonly pattern: NoisePattern;
  readonly initiator: boolean;
  readonly prologue: Uint8Array;
  readonly privateKey: Uint8Array;
  readonly remoteStatic: Uint8Array | undefined;
}

function ourPeer(backend: CryptoBackend, side: Side): Peer {
  const { remoteStatic, privateKey, ...rest } = side;
  const state = new HandshakeState({
    ...rest,
    backend,
    random: seededRandom(`ours-${backend.name}-${side.pattern}-${side.initiator}`),
    staticKey: noiseKeyPair(backend, privateKey),
    ...(remoteStatic === undefined ? {} : { remoteStatic }),
  });
  return {
    write: (payload) => state.writeMessage(payload),
    read: (message) => state.readMessage(message),
    finish: () => {
      const ends = state.split();
      return {
        hash: toHex(ends.handshakeHash),
        remote: toHex(ends.remoteStatic),
        encrypt: (plaintext) => ends.send.encrypt(plaintext),
        decrypt: (ciphertext) => ends.receive.decrypt(ciphertext),
      };
    },
  };
}

function otherPeer({ noise }: { readonly noise: Library }, side: Side): Peer {
  const { NOISE_ROLE_INITIATOR, NOISE_ROLE_RESPONDER } = noise.constants;
  const role = side.initiator ? NOISE_ROLE_INITIATOR : NOISE_ROLE_RESPONDER;
  const state = new noise.HandshakeState(NOISE_PATTERNS[side.pattern].name, role);
  state.Initialize(side.prologue, side.privateKey, side.remoteStatic ?? null);
  return {
    write: (payload) => state.WriteMessage(payload),
    read: (message) => state.ReadMessage(message, true),
    finish: () => {
      const hash = toHex(state.GetHandshakeHash());
      const remote = toHex(state.GetRemotePublicKey() ?? NO_AD);
      const [send, receive] = state.Split();
      return {
        hash,
        remote,
        encrypt: (plaintext) => send.EncryptWithAd(NO_AD, plaintext),
        decrypt: (ciphertext) => receive.DecryptWithAd(NO_AD, ciphertext),
      };
    },
  };
}

/** Whom each side says it talks to. */
type Remotes = readonly [ofInitiator: string, ofResponder: string];

/** Runs a handshake with payloads of that length, then messages of many sizes in both directions. */
function converse(initiator: Peer, responder: Peer, pattern: NoisePattern, payloadLength: number): Remotes {
  for (const index of NOISE_PATTERNS[pattern].messages.keys()) {
    const [from, to] = index % 2 === 0 ? [initiator, responder] : [responder, initiator];
    const payload = seededRandom(`payload-${index}`).bytes(payloadLength);
    assert.equal(toHex(to.read(from.write(payload))), toHex(payload));
  }
  const client = initiator.finish();
  const server = responder.finish();
  assert.equal(client.hash, server.hash);
  for (const length of TRANSPORT_LENGTHS) {
    const up = seededRandom(`up-${length}`).bytes(length);
    const down = seededRandom(`down-${length}`).bytes(length);
    assert.equal(toHex(server.decrypt(client.encrypt(up))), toHex(up));
    assert.equal(toHex(client.decrypt(server.encrypt(down))), toHex(down));
  }
  return [client.remote, server.remote];
}

for (const backend of [sodiumBackend, nobleBackend]) {
  describe(`given our Noise on ${backend.name} and noise-c`, () => {
    const keys = seededRandom('static keys');
    const client = noiseKeyPair(backend, keys.bytes(32));
    const server = noiseKeyPair(backend, keys.bytes(32));
    for (const pattern of ['XK', 'IK'] as const) {
      const prologue = utf8('commucat');
      const initiating = {
        pattern,
        prologue,
        initiator: true,
        privateKey: client.privateKey,
        remoteStatic: server.publicKey,
      };
      const responding = {
        pattern,
        prologue,
        initiator: false,
        privateKey: server.privateKey,
        remoteStatic: undefined,
      };
      for (const length of PAYLOAD_LENGTHS) {
        test(`when ours initiates ${pattern} with payloads of ${length} bytes, then both understand all messages`, () => {
          const remotes = converse(
            ourPeer(backend, initiating),
            otherPeer(library, responding),
            pattern,
            length,
          );
          assert.deepEqual(remotes, [toHex(server.publicKey), toHex(client.publicKey)]);
        });
        test(`when ours responds to ${pattern} with payloads of ${length} bytes, then both understand all messages`, () => {
          const remotes = converse(
            otherPeer(library, initiating),
            ourPeer(backend, responding),
            pattern,
            length,
          );
          assert.deepEqual(remotes, [toHex(server.publicKey), toHex(client.publicKey)]);
        });
      }
      test(`when the prologues of an ${pattern} handshake differ, then each refuses the other`, () => {
        const other = { ...responding, prologue: utf8('commucaT') };
        const ours = ourPeer(backend, other);
        assert.throws(() => ours.read(otherPeer(library, initiating).write(NO_AD)), {
          code: 'NOISE_DECRYPT',
        });
        const theirs = otherPeer(library, other);
        assert.throws(() => theirs.read(ourPeer(backend, initiating).write(NO_AD)));
      });
    }
  });
}
