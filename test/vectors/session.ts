import assert from 'node:assert/strict';
import type { Random } from '../../src/ports/ports.ts';
import { toHex, utf8 } from '../../src/protocol/bytes.ts';
import type { CryptoBackend } from '../../src/protocol/crypto-backend.ts';
import { encodeFrame } from '../../src/protocol/frames/frame.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { deriveDeviceKey, noiseKeyPair, noiseStaticFromDeviceKey } from '../../src/protocol/identity/keys.ts';
import {
  proofFromJson,
  proveWithNonceForTests,
  verifyDeviceKeyProof,
} from '../../src/protocol/identity/proof.ts';
import { isJsonObject, parseJsonText } from '../../src/protocol/json/json.ts';
import { HandshakeState } from '../../src/protocol/noise/noise.ts';
import { CipherState } from '../../src/protocol/noise/noise-cipher-state.ts';
import {
  RECORD_ROOM_BEFORE,
  RECORD_ROOM_BEHIND,
  RecordOpener,
  RecordSealer,
} from '../../src/protocol/noise/record.ts';
import type { CaseReader } from './case-reader.ts';

const noRandom: Random = {
  bytes: () => {
    throw new Error('a vector must not need fresh randomness');
  },
};

function fieldOf(jsonText: string, field: string): unknown {
  const value = parseJsonText(jsonText);
  assert.ok(isJsonObject(value));
  return value[field];
}

/** `session`: keys, proof, three handshake messages, their frames and the records that follow, byte for byte. */
export function checkSession(backend: CryptoBackend, vector: CaseReader): void {
  const device = deriveDeviceKey(backend, vector.hex('device_seed'));
  const client = noiseStaticFromDeviceKey(backend, device.privateKey);
  const server = noiseKeyPair(backend, vector.hex('server_static_private'));
  assert.equal(toHex(device.privateKey), vector.text('device_private'));
  assert.equal(toHex(device.publicKey), vector.text('device_public'));
  assert.equal(toHex(client.publicKey), vector.text('client_static'));
  assert.equal(toHex(server.publicKey), vector.text('server_static'));
  const statement = {
    domain: vector.text('domain'),
    deviceId: vector.text('device_id'),
    devicePublic: device.publicKey,
    clientStatic: client.publicKey,
  };
  const made = proveWithNonceForTests(backend, device.privateKey, statement, vector.hex('zkp_nonce64'));
  const sent = proofFromJson(fieldOf(vector.text('hello_text'), 'zkp'));
  assert.deepEqual(
    [toHex(sent.commitment), toHex(sent.response)],
    [toHex(made.commitment), toHex(made.response)],
  );
  assert.ok(verifyDeviceKeyProof(backend, { ...statement, proof: sent }));

  const common = { backend, random: noRandom, pattern: 'XK', prologue: vector.hex('prologue') } as const;
  const initiator = new HandshakeState({
    ...common,
    initiator: true,
    staticKey: client,
    remoteStatic: server.publicKey,
    ephemeralForTests: vector.hex('client_ephemeral_private'),
  });
  const responder = new HandshakeState({
    ...common,
    initiator: false,
    staticKey: server,
    ephemeralForTests: vector.hex('server_ephemeral_private'),
  });
  const payload2 = utf8(vector.text('message2_payload_text'));
  checkMessage(vector, 'hello', FRAME.HELLO, 1, initiator.writeMessage(), responder);
  checkMessage(vector, 'auth', FRAME.AUTH, 1, responder.writeMessage(payload2), initiator);
  checkMessage(vector, 'client_auth', FRAME.AUTH, 2, initiator.writeMessage(), responder);
  const ends = { client: initiator.split(), server: responder.split() };
  assert.equal(toHex(ends.client.handshakeHash), vector.text('handshake_hash'));
  assert.deepEqual(ends.server.remoteStatic, client.publicKey);
  checkRecords(vector, { client: ends.client.send, server: ends.server.send }, (from) =>
    from === 'client' ? ends.server.receive : ends.client.receive,
  );
  const byKey = (from: 'client' | 'server'): CipherState =>
    new CipherState(backend, vector.hex(from === 'client' ? 'key_client_to_server' : 'key_server_to_client'));
  checkRecords(vector, { client: byKey('client'), server: byKey('server') }, byKey);
}

/** The Noise message stands in the JSON text, and the frame around the text has the given bytes. */
function checkMessage(
  vector: CaseReader,
  name: string,
  type: number,
  sequence: number,
  message: Uint8Array,
  reader: HandshakeState,
): void {
  const text = vector.text(`${name}_text`);
  assert.equal(fieldOf(text, 'handshake'), toHex(message));
  assert.equal(toHex(encodeFrame(type, 0, sequence, utf8(text))), vector.text(`${name}_frame`));
  reader.readMessage(message);
}

function checkRecords(
  vector: CaseReader,
  send: Readonly<Record<'client' | 'server', CipherState>>,
  receive: (from: 'client' | 'server') => CipherState,
): void {
  const sealers = { client: new RecordSealer(send.client), server: new RecordSealer(send.server) };
  const openers = {
    client: new RecordOpener(receive('client')),
    server: new RecordOpener(receive('server')),
  };
  for (const record of vector.list('records')) {
    const from = record.text('from') === 'client' ? 'client' : 'server';
    const plaintext = record.hex(record.has('plaintext_frame') ? 'plaintext_frame' : 'plaintext_part');
    const buffer = new Uint8Array(RECORD_ROOM_BEFORE + plaintext.length + RECORD_ROOM_BEHIND);
    buffer.set(plaintext, RECORD_ROOM_BEFORE);
    const sealer = sealers[from];
    sealer.seal(buffer, RECORD_ROOM_BEFORE, plaintext.length);
    const bytes = buffer.subarray(sealer.start, sealer.end);
    assert.equal(toHex(bytes), record.text('record'));
    openers[from].push(bytes);
    assert.deepEqual(openers[from].next()?.slice(), plaintext);
    assert.equal(openers[from].next(), undefined);
  }
}
