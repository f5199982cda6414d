import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '../../../test/kit/seeded-random.ts';
import { sodiumBackend } from '../../crypto/index.ts';
import { concatBytes, toHex, utf8 } from '../bytes.ts';
import type { CryptoBackend } from '../crypto-backend.ts';
import { noiseKeyPair } from '../identity/keys.ts';
import { nobleBackend } from '../noble-backend.ts';
import { HandshakeState } from './noise.ts';
import { NoiseError } from './noise-error.ts';
import { NOISE_PATTERNS, type NoisePattern } from './noise-patterns.ts';

const PROLOGUE = utf8('commucat');
const PAYLOAD = utf8('five!');
const EMPTY = new Uint8Array(0);

interface Setting {
  readonly backend: CryptoBackend;
  readonly pattern: NoisePattern;
  readonly initiatorPrologue?: Uint8Array;
  readonly responderStaticPrivate?: Uint8Array;
  readonly remoteStatic?: Uint8Array;
}

const keys = seededRandom('noise.test');
const CLIENT_PRIVATE = keys.bytes(32);
const SERVER_PRIVATE = keys.bytes(32);
const OTHER_PRIVATE = keys.bytes(32);

/** Two sides with fixed ephemerals, so that every run of a setting has the same messages. */
function pair(setting: Setting): { initiator: HandshakeState; responder: HandshakeState } {
  const { backend, pattern } = setting;
  const server = noiseKeyPair(backend, SERVER_PRIVATE);
  const initiator = new HandshakeState({
    backend,
    pattern,
    random: seededRandom('initiator'),
    initiator: true,
    prologue: setting.initiatorPrologue ?? PROLOGUE,
    staticKey: noiseKeyPair(backend, CLIENT_PRIVATE),
    remoteStatic: setting.remoteStatic ?? server.publicKey,
  });
  const responder = new HandshakeState({
    backend,
    pattern,
    random: seededRandom('responder'),
    initiator: false,
    prologue: PROLOGUE,
    staticKey: noiseKeyPair(backend, setting.responderStaticPrivate ?? SERVER_PRIVATE),
  });
  return { initiator, responder };
}

/** Both sides after `step` messages, the next message, and who reads it. */
function atStep(
  setting: Setting,
  step: number,
): { message: Uint8Array; reader: HandshakeState; writer: HandshakeState } {
  const { initiator, responder } = pair(setting);
  for (let i = 0; ; i += 1) {
    const [writer, reader] = i % 2 === 0 ? [initiator, responder] : [responder, initiator];
    const message = writer.writeMessage(PAYLOAD);
    if (i === step) return { message, reader, writer };
    reader.readMessage(message);
  }
}

function assertRefusedAndDead(reader: HandshakeState, message: Uint8Array, what: string): void {
  assert.throws(() => reader.readMessage(message), NoiseError, what);
  assert.equal(reader.finished, false, what);
  assert.equal(reader.remoteStatic, undefined, what);
  assert.throws(() => reader.readMessage(message), { code: 'NOISE_ORDER' }, what);
  assert.throws(() => reader.writeMessage(), { code: 'NOISE_ORDER' }, what);
  assert.throws(() => reader.split(), { code: 'NOISE_ORDER' }, what);
}

for (const backend of [sodiumBackend, nobleBackend]) {
  for (const pattern of ['XK', 'IK'] as const) {
    const setting = { backend, pattern };
    const steps = [...NOISE_PATTERNS[pattern].messages.keys()];
    describe(`given an ${pattern} handshake on ${backend.name}`, () => {
      test('when nobody interferes, then both sides have the same hash, know each other and can talk', () => {
        const { initiator, responder } = pair(setting);
        for (const step of steps) {
          const [writer, reader] = step % 2 === 0 ? [initiator, responder] : [responder, initiator];
          assert.deepEqual(toHex(reader.readMessage(writer.writeMessage(PAYLOAD))), toHex(PAYLOAD));
        }
        const client = initiator.split();
        const server = responder.split();
        assert.deepEqual(client.handshakeHash, server.handshakeHash);
        assert.deepEqual(server.remoteStatic, noiseKeyPair(backend, CLIENT_PRIVATE).publicKey);
        assert.deepEqual(client.remoteStatic, noiseKeyPair(backend, SERVER_PRIVATE).publicKey);
        assert.deepEqual(toHex(server.receive.decrypt(client.send.encrypt(PAYLOAD))), toHex(PAYLOAD));
        assert.throws(() => server.receive.decrypt(server.send.encrypt(PAYLOAD)), { code: 'NOISE_DECRYPT' });
        assert.throws(() => initiator.split(), { code: 'NOISE_ORDER' });
      });

      for (const step of steps) {
        const { length } = atStep(setting, step).message;

        test(`when any byte of message ${step + 1} is changed, then it is refused at once`, () => {
          for (let index = 0; index < length; index += 1) {
            const { message, reader } = atStep(setting, step);
            message[index] = (message[index] ?? 0) ^ (index % 2 === 0 ? 0x01 : 0x80);
            assertRefusedAndDead(reader, message, `byte ${index}`);
          }
        });

        test(`when message ${step + 1} is cut at any length, or grows, then it is refused at once`, () => {
          for (let cut = 0; cut < length; cut += 1) {
            const { message, reader } = atStep(setting, step);
            assertRefusedAndDead(reader, message.subarray(0, cut), `cut to ${cut}`);
          }
          const { message, reader } = atStep(setting, step);
          assertRefusedAndDead(reader, concatBytes(message, Uint8Array.of(0)), 'one byte more');
        });

        for (const other of steps.filter((candidate) => candidate !== step)) {
          test(`when message ${other + 1} arrives in the place of ${step + 1}, then it is refused`, () => {
            assertRefusedAndDead(
              atStep(setting, step).reader,
              atStep(setting, other).message,
              'wrong message',
            );
          });
        }

        test(`when a side speaks or listens out of turn before message ${step + 1}, then it fails and nothing changes`, () => {
          const { message, reader, writer } = atStep(setting, step);
          assert.throws(() => reader.writeMessage(), { code: 'NOISE_ORDER' });
          assert.throws(() => writer.writeMessage(), { code: 'NOISE_ORDER' });
          assert.throws(() => reader.split(), { code: 'NOISE_ORDER' });
          assert.deepEqual(toHex(reader.readMessage(message)), toHex(PAYLOAD));
        });
      }

      test('when the prologues differ, then message 1 is refused', () => {
        for (const initiatorPrologue of [EMPTY, utf8('Commucat'), utf8('commucat\0')]) {
          const { message, reader } = atStep({ ...setting, initiatorPrologue }, 0);
          assertRefusedAndDead(reader, message, 'prologue');
        }
      });

      test('when the client means another server key, then message 1 is refused', () => {
        const { message, reader } = atStep({ ...setting, responderStaticPrivate: OTHER_PRIVATE }, 0);
        assertRefusedAndDead(reader, message, 'server key');
        const remoteStatic = noiseKeyPair(backend, OTHER_PRIVATE).publicKey;
        const wrong = atStep({ ...setting, remoteStatic }, 0);
        assertRefusedAndDead(wrong.reader, wrong.message, 'remote static');
      });

      test('when the ephemeral key is a point of small order, then message 1 is refused', () => {
        for (const first of [0, 1]) {
          const { message, reader } = atStep(setting, 0);
          message.fill(0, 0, 32);
          message[0] = first;
          assert.throws(() => reader.readMessage(message), { code: 'NOISE_KEY' });
          assert.throws(() => reader.writeMessage(), { code: 'NOISE_ORDER' });
        }
      });

      test('when a payload is too long, then writing fails and a shorter one can still be written', () => {
        const { initiator, responder } = pair(setting);
        const overhead = pattern === 'XK' ? 48 : 96;
        assert.throws(() => initiator.writeMessage(new Uint8Array(65_536 - overhead)), {
          code: 'NOISE_LENGTH',
        });
        const message = initiator.writeMessage(new Uint8Array(65_535 - overhead));
        assert.equal(message.length, 65_535);
        assert.equal(responder.readMessage(message).length, 65_535 - overhead);
      });

      test('when messages lie in network buffers that are reused, then the handshake is not affected', () => {
        const { initiator, responder } = pair(setting);
        for (const step of steps) {
          const [writer, reader] = step % 2 === 0 ? [initiator, responder] : [responder, initiator];
          const received = Buffer.from(writer.writeMessage(PAYLOAD));
          reader.readMessage(received);
          received.fill(0xee);
        }
        assert.deepEqual(initiator.split().handshakeHash, responder.split().handshakeHash);
      });

      test('when fixed ephemerals are not given, then two handshakes differ', () => {
        const random = seededRandom('fresh');
        const staticKey = noiseKeyPair(backend, CLIENT_PRIVATE);
        const remoteStatic = noiseKeyPair(backend, SERVER_PRIVATE).publicKey;
        const options = {
          backend,
          pattern,
          random,
          initiator: true,
          prologue: PROLOGUE,
          staticKey,
          remoteStatic,
        };
        const first = new HandshakeState(options).writeMessage();
        assert.notDeepEqual(first, new HandshakeState(options).writeMessage());
      });
    });
  }
}

describe('given keys that no handshake can use', () => {
  const backend = sodiumBackend;
  const staticKey = noiseKeyPair(backend, CLIENT_PRIVATE);
  const options = { backend, random: keys, pattern: 'XK', prologue: PROLOGUE, staticKey } as const;

  test('when an initiator does not know the server, or a responder claims to, then construction fails', () => {
    assert.throws(() => new HandshakeState({ ...options, initiator: true }), { code: 'NOISE_KEY' });
    const remoteStatic = staticKey.publicKey;
    assert.throws(() => new HandshakeState({ ...options, initiator: false, remoteStatic }), {
      code: 'NOISE_KEY',
    });
  });

  test('when a key has 31 bytes, then construction fails', () => {
    const short = { privateKey: new Uint8Array(31), publicKey: new Uint8Array(32) };
    assert.throws(() => new HandshakeState({ ...options, initiator: false, staticKey: short }), {
      code: 'NOISE_KEY',
    });
    const remoteStatic = new Uint8Array(31);
    assert.throws(() => new HandshakeState({ ...options, initiator: true, remoteStatic }), {
      code: 'NOISE_KEY',
    });
  });
});
