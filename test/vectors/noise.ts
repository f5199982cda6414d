import assert from 'node:assert/strict';
import type { Random } from '../../src/ports/ports.ts';
import { toHex } from '../../src/protocol/bytes.ts';
import type { CryptoBackend } from '../../src/protocol/crypto-backend.ts';
import { noiseKeyPair } from '../../src/protocol/identity/keys.ts';
import { type HandshakeResult, HandshakeState } from '../../src/protocol/noise/noise.ts';
import { CipherState } from '../../src/protocol/noise/noise-cipher-state.ts';
import { NoiseError } from '../../src/protocol/noise/noise-error.ts';
import { NOISE_PATTERNS, type NoisePattern } from '../../src/protocol/noise/noise-patterns.ts';
import { BACKENDS, checkCase } from './backends.ts';
import { CaseReader } from './case-reader.ts';
import { seededBytes, sha256Hex } from './seeded-bytes.ts';
import type { VectorSuite } from './suite.ts';

/** Every ephemeral of a vector is given; a call for more would be a mistake. */
const noRandom: Random = {
  bytes: () => {
    throw new Error('a vector must not need fresh randomness');
  },
};

interface Peers {
  readonly initiator: HandshakeState;
  readonly responder: HandshakeState;
}

interface PeerKeys {
  readonly pattern: NoisePattern;
  readonly initiatorPrologue: Uint8Array;
  readonly responderPrologue: Uint8Array;
  readonly initiatorStatic: Uint8Array;
  readonly responderStatic: Uint8Array;
  readonly initiatorEphemeral: Uint8Array;
  readonly responderEphemeral: Uint8Array;
}

function peersOf(backend: CryptoBackend, keys: PeerKeys): Peers {
  const { pattern } = keys;
  const responderStatic = noiseKeyPair(backend, keys.responderStatic);
  const initiator = new HandshakeState({
    backend,
    random: noRandom,
    pattern,
    initiator: true,
    prologue: keys.initiatorPrologue,
    staticKey: noiseKeyPair(backend, keys.initiatorStatic),
    remoteStatic: responderStatic.publicKey,
    ephemeralForTests: keys.initiatorEphemeral,
  });
  const responder = new HandshakeState({
    backend,
    random: noRandom,
    pattern,
    initiator: false,
    prologue: keys.responderPrologue,
    staticKey: responderStatic,
    ephemeralForTests: keys.responderEphemeral,
  });
  return { initiator, responder };
}

function patternOf(name: string): NoisePattern {
  for (const pattern of ['XK', 'IK'] as const) {
    if (name === pattern || name === NOISE_PATTERNS[pattern].name) return pattern;
  }
  throw new TypeError(`unknown Noise pattern ${name}`);
}

function keysOf(vector: CaseReader): PeerKeys {
  return {
    pattern: patternOf(vector.text('pattern')),
    initiatorPrologue: vector.hex('prologue'),
    responderPrologue: vector.hex('prologue'),
    initiatorStatic: vector.hex('initiator_static_private'),
    responderStatic: vector.hex('responder_static_private'),
    initiatorEphemeral: vector.hex('initiator_ephemeral_private'),
    responderEphemeral: vector.hex('responder_ephemeral_private'),
  };
}

/** Both sides agree with each other and with the given hash; each knows the other's static key. */
function splitBoth(
  peers: Peers,
  handshakeHash: string,
): { initiator: HandshakeResult; responder: HandshakeResult } {
  assert.ok(peers.initiator.finished && peers.responder.finished);
  const initiator = peers.initiator.split();
  const responder = peers.responder.split();
  assert.equal(toHex(initiator.handshakeHash), handshakeHash);
  assert.equal(toHex(responder.handshakeHash), handshakeHash);
  return { initiator, responder };
}

/** `noise`: a whole handshake and transport messages of the reference. */
export function checkNoise(backend: CryptoBackend, vector: CaseReader): void {
  const peers = peersOf(backend, keysOf(vector));
  for (const message of vector.list('messages')) {
    const [from, to] =
      message.text('from') === 'initiator'
        ? [peers.initiator, peers.responder]
        : [peers.responder, peers.initiator];
    assert.equal(toHex(from.writeMessage(message.hex('payload'))), message.text('message'));
    assert.equal(toHex(to.readMessage(message.hex('message'))), message.text('payload'));
  }
  const ends = splitBoth(peers, vector.text('handshake_hash'));
  assert.equal(toHex(ends.responder.remoteStatic), vector.text('initiator_static_public'));
  assert.equal(toHex(ends.initiator.remoteStatic), vector.text('responder_static_public'));
  const keyed = {
    initiator: new CipherState(backend, vector.hex('key_initiator_to_responder')),
    responder: new CipherState(backend, vector.hex('key_responder_to_initiator')),
  };
  for (const message of vector.list('transport')) {
    const side = message.text('from') === 'initiator' ? 'initiator' : 'responder';
    const other = side === 'initiator' ? 'responder' : 'initiator';
    assert.equal(toHex(ends[side].send.encrypt(message.hex('payload'))), message.text('message'));
    assert.equal(toHex(ends[other].receive.decrypt(message.hex('message'))), message.text('payload'));
    assert.equal(toHex(keyed[side].encrypt(message.hex('payload'))), message.text('message'));
  }
}

/** `noise_big`: a large payload in message 2. */
export function checkNoiseBig(backend: CryptoBackend, vector: CaseReader): void {
  const peers = peersOf(backend, keysOf(vector));
  const payload2 = seededBytes(vector.text('payload2_seed'), vector.number('payload2_len'));
  const lengths = vector.values('message_lens');
  const digests = vector.values('message_sha256');
  for (const [i, length] of lengths.entries()) {
    const [from, to] = i % 2 === 0 ? [peers.initiator, peers.responder] : [peers.responder, peers.initiator];
    const payload = i === 1 ? payload2 : new Uint8Array(0);
    const message = from.writeMessage(payload);
    assert.equal(message.length, length);
    assert.equal(sha256Hex(message), digests[i]);
    assert.deepEqual(toHex(to.readMessage(message)), toHex(payload));
  }
  splitBoth(peers, vector.text('handshake_hash'));
}

/** `noise_transport_sizes`: the limit of 65 535 bytes; a refused write uses no nonce. */
export function checkTransportSizes(backend: CryptoBackend, vector: CaseReader): void {
  const cipher = new CipherState(backend, vector.hex('key_initiator_to_responder'));
  for (const write of vector.list('writes')) {
    const payload = seededBytes(write.text('payload_seed'), write.number('payload_len'));
    if (!write.flag('ok')) {
      assert.throws(() => cipher.encrypt(payload), NoiseError);
      continue;
    }
    const message = cipher.encrypt(payload);
    assert.equal(message.length, write.number('message_len'));
    assert.equal(sha256Hex(message), write.text('message_sha256'));
  }
}

/** `noise_transport_failures`: a refused read uses no nonce. */
export function checkTransportFailures(backend: CryptoBackend, vector: CaseReader): void {
  const key = vector.hex('key_initiator_to_responder');
  const cipher = new CipherState(backend, key);
  const inPlace = new CipherState(backend, key);
  for (const read of vector.list('reads')) {
    const message = read.hex('message');
    const target = new Uint8Array(message.length);
    const length = inPlace.decryptInto(message, target, 0);
    if (read.flag('ok')) {
      assert.equal(toHex(cipher.decrypt(message)), read.text('payload'));
      assert.equal(toHex(target.subarray(0, length)), read.text('payload'));
    } else {
      assert.throws(() => cipher.decrypt(message), NoiseError);
      assert.equal(length, -1);
    }
  }
}

/** `noise_responder_fail`: the last message given must be refused, or accepted if `ok`. */
export function checkResponder(backend: CryptoBackend, vector: CaseReader): void {
  const responder = new HandshakeState({
    backend,
    random: noRandom,
    pattern: patternOf(vector.text('pattern')),
    initiator: false,
    prologue: vector.hex('prologue'),
    staticKey: noiseKeyPair(backend, vector.hex('responder_static_private')),
    ephemeralForTests: vector.hex('responder_ephemeral_private'),
  });
  if (!vector.has('message3')) {
    checkRead(responder, vector.hex('message1'), vector.flag('ok'));
    return;
  }
  responder.readMessage(vector.hex('message1'));
  assert.equal(toHex(responder.writeMessage(vector.hex('payload2'))), vector.text('message2'));
  checkRead(responder, vector.hex('message3'), vector.flag('ok'));
}

/** `noise_initiator_fail`: message 2 must be refused, or accepted if `ok`. */
export function checkInitiator(backend: CryptoBackend, vector: CaseReader): void {
  const initiator = new HandshakeState({
    backend,
    random: noRandom,
    pattern: patternOf(vector.text('pattern')),
    initiator: true,
    prologue: vector.hex('prologue'),
    staticKey: noiseKeyPair(backend, vector.hex('initiator_static_private')),
    remoteStatic: vector.hex('responder_static_public'),
    ephemeralForTests: vector.hex('initiator_ephemeral_private'),
  });
  assert.equal(toHex(initiator.writeMessage(vector.hex('payload1'))), vector.text('message1'));
  checkRead(initiator, vector.hex('message2'), vector.flag('ok'));
}

function checkRead(state: HandshakeState, message: Uint8Array, accepted: boolean): void {
  if (accepted) {
    state.readMessage(message);
    return;
  }
  assert.throws(() => state.readMessage(message), NoiseError);
  assert.throws(() => state.writeMessage(), NoiseError, 'a failed handshake is dead');
  assert.equal(state.remoteStatic, undefined);
}

/** `noise_ik_finished`: IK has two messages and no third. */
export function checkIkFinished(backend: CryptoBackend, vector: CaseReader): void {
  const key = (label: string): Uint8Array => seededBytes(`ik-finished-${label}`, 32);
  const prologue = new Uint8Array(0);
  const peers = peersOf(backend, {
    pattern: 'IK',
    initiatorPrologue: prologue,
    responderPrologue: prologue,
    initiatorStatic: key('initiator-static'),
    responderStatic: key('responder-static'),
    initiatorEphemeral: key('initiator-ephemeral'),
    responderEphemeral: key('responder-ephemeral'),
  });
  peers.responder.readMessage(peers.initiator.writeMessage());
  peers.initiator.readMessage(peers.responder.writeMessage());
  assert.ok(peers.initiator.finished && peers.responder.finished);
  assert.ok(vector.flag('initiator_third_write_fails') && vector.flag('responder_third_read_fails'));
  assert.throws(() => peers.initiator.writeMessage(), NoiseError);
  assert.throws(() => peers.responder.readMessage(new Uint8Array(64)), NoiseError);
}

/** A vector in the form of the cacophony and noise-c projects: handshake messages, then transport messages in turn. */
export function checkThirdParty(backend: CryptoBackend, vector: CaseReader): void {
  const pattern = patternOf(vector.text(vector.has('protocol_name') ? 'protocol_name' : 'name'));
  const peers = peersOf(backend, {
    pattern,
    initiatorPrologue: vector.hex('init_prologue'),
    responderPrologue: vector.hex('resp_prologue'),
    initiatorStatic: vector.hex('init_static'),
    responderStatic: vector.hex('resp_static'),
    initiatorEphemeral: vector.hex('init_ephemeral'),
    responderEphemeral: vector.hex('resp_ephemeral'),
  });
  const handshakeLength = NOISE_PATTERNS[pattern].messages.length;
  const messages = vector.list('messages');
  for (const [i, message] of messages.slice(0, handshakeLength).entries()) {
    const [from, to] = i % 2 === 0 ? [peers.initiator, peers.responder] : [peers.responder, peers.initiator];
    assert.equal(toHex(from.writeMessage(message.hex('payload'))), message.text('ciphertext'));
    assert.equal(toHex(to.readMessage(message.hex('ciphertext'))), message.text('payload'));
  }
  const ends = splitBoth(peers, vector.text('handshake_hash'));
  for (const [i, message] of messages.entries()) {
    if (i < handshakeLength) continue;
    const [from, to] = i % 2 === 0 ? [ends.initiator, ends.responder] : [ends.responder, ends.initiator];
    assert.equal(toHex(from.send.encrypt(message.hex('payload'))), message.text('ciphertext'));
    assert.equal(toHex(to.receive.decrypt(message.hex('ciphertext'))), message.text('payload'));
  }
}

/** `noise-xk-ik-blake2s.json`: vectors of the cacophony and noise-c projects. */
export const noiseSuites: readonly VectorSuite[] = BACKENDS.map((backend) => ({
  file: 'noise-xk-ik-blake2s.json',
  backend: backend.name,
  run(document, report) {
    for (const project of ['cacophony', 'noise_c']) {
      const group = new CaseReader(document);
      if (!group.has(project)) continue;
      for (const [index, vector] of group.list(project).entries()) {
        checkCase(report, `${project} ${index}`, () => checkThirdParty(backend, vector));
      }
    }
  },
}));
