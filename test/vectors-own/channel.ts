import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Random } from '../../src/ports/ports.ts';
import { concatBytes, fromHex, toHex, utf8 } from '../../src/protocol/bytes.ts';
import { parseClientAuth, parseHello } from '../../src/protocol/control/index.ts';
import type { CryptoBackend } from '../../src/protocol/crypto-backend.ts';
import { certificateFromJson, verifyCertificate } from '../../src/protocol/identity/certificate.ts';
import { noiseKeyPair } from '../../src/protocol/identity/keys.ts';
import { verifyDeviceKeyProof } from '../../src/protocol/identity/proof.ts';
import { type JsonObject, parseJsonText } from '../../src/protocol/json/json.ts';
import { type HandshakeResult, HandshakeState, type NoisePattern } from '../../src/protocol/noise/noise.ts';
import { CipherState } from '../../src/protocol/noise/noise-cipher-state.ts';
import { NoiseError } from '../../src/protocol/noise/noise-error.ts';
import { RecordOpener } from '../../src/protocol/noise/record.ts';
import type { CaseReader } from '../vectors/case-reader.ts';
import { bytesOf } from './committed.ts';
import { decode } from './framing.ts';

type Side = 'client' | 'server';

const noRandom: Random = {
  bytes: () => {
    throw new Error('a vector must not need fresh randomness');
  },
};

/** One end of the handshake of a case, from the private keys that the case gives. */
function endOf(backend: CryptoBackend, vector: CaseReader, side: Side): HandshakeState {
  const clientPrivate = vector.hex(
    vector.has('client_static_private') ? 'client_static_private' : 'device_private',
  );
  const initiator = side === 'client';
  const pattern: NoisePattern = vector.text('pattern') === 'IK' ? 'IK' : 'XK';
  return new HandshakeState({
    backend,
    random: noRandom,
    pattern,
    initiator,
    prologue: vector.hex('prologue'),
    staticKey: noiseKeyPair(backend, initiator ? clientPrivate : vector.hex('server_static_private')),
    ...(initiator ? { remoteStatic: vector.hex('server_static_public') } : {}),
    ephemeralForTests: vector.hex(`${side}_ephemeral_private`),
  });
}

export function checkNoise(backend: CryptoBackend, vector: CaseReader): void {
  if (vector.text('op') === 'refuse') {
    checkRefusedMessage(backend, vector);
    return;
  }
  for (const side of ['client', 'server'] as const) {
    const end = endOf(backend, vector, side);
    for (const step of vector.list('messages')) {
      if (step.text('from') === side) {
        assert.equal(toHex(end.writeMessage(step.hex('payload'))), step.text('message'));
      } else assert.equal(toHex(end.readMessage(step.hex('message'))), step.text('payload'));
    }
    const result = end.split();
    const peer = side === 'client' ? 'server_static_public' : 'client_static_public';
    assert.equal(toHex(result.handshakeHash), vector.text('handshake_hash'));
    assert.equal(toHex(result.remoteStatic), vector.text(peer));
    checkTransport(backend, vector, side, result);
  }
}

/** Decrypts what the peer sent, encrypts what this side sent; both also with nothing but the published key. */
function checkTransport(
  backend: CryptoBackend,
  vector: CaseReader,
  side: Side,
  { receive, send }: HandshakeResult,
): void {
  const [toServer, toClient] = keysOf(vector).map((key) => new CipherState(backend, key));
  const [keyedSend, keyedReceive] = side === 'client' ? [toServer, toClient] : [toClient, toServer];
  for (const message of vector.list('transport')) {
    const [plaintext, ciphertext] = [message.hex('plaintext'), message.hex('ciphertext')];
    for (const cipher of message.text('from') === side ? [send, keyedSend] : []) {
      assert.equal(toHex(cipher?.encrypt(plaintext) ?? new Uint8Array(0)), toHex(ciphertext));
    }
    for (const cipher of message.text('from') === side ? [] : [receive, keyedReceive]) {
      assert.equal(toHex(cipher?.decrypt(ciphertext) ?? new Uint8Array(0)), toHex(plaintext));
    }
  }
}

function keysOf(vector: CaseReader): readonly Uint8Array[] {
  return [vector.hex('key_client_to_server'), vector.hex('key_server_to_client')];
}

function checkRefusedMessage(backend: CryptoBackend, vector: CaseReader): void {
  const side = vector.text('reader') === 'client' ? 'client' : 'server';
  const end = endOf(backend, vector, side);
  for (const [index, message] of vector.values('before').entries()) {
    const bytes = fromHex(String(message));
    if ((index % 2 === 0) === (side === 'client')) assert.deepEqual(end.writeMessage(), bytes);
    else end.readMessage(bytes);
  }
  assert.throws(() => end.readMessage(vector.hex('message')), NoiseError);
}

export function checkRecord(backend: CryptoBackend, vector: CaseReader): void {
  const cipher = () => new CipherState(backend, vector.hex('key'), Number(vector.text('counter')));
  switch (vector.text('op')) {
    case 'seal': {
      const records = vector.list('records');
      const bytes = concatBytes(...records.map((record) => record.hex('record')));
      const plaintexts = records.map((record) => record.text('plaintext'));
      for (const step of [1, 13, Number.POSITIVE_INFINITY]) {
        const opened = open(cipher(), bytes, step);
        assert.deepEqual(opened.map(toHex), plaintexts);
        const frames = decode(concatBytes(...opened), Number.POSITIVE_INFINITY);
        assert.equal(frames.length, vector.values('frames').length);
      }
      return;
    }
    case 'seal_long': {
      const ciphertext = cipher().encrypt(bytesOf(vector, 'plaintext'));
      const record = concatBytes(fromHex('ffff03'), ciphertext);
      assert.equal(record.length, vector.number('record_length'));
      assert.equal(createHash('sha256').update(record).digest('hex'), vector.text('record_sha256'));
      assert.ok(toHex(record).startsWith(vector.text('record_begins')));
      assert.ok(toHex(record).endsWith(vector.text('record_ends')));
      assert.deepEqual(open(cipher(), record, 1000), [bytesOf(vector, 'plaintext')]);
      return;
    }
    case 'open':
      assert.deepEqual(open(cipher(), vector.hex('bytes'), 1).map(toHex), [vector.text('plaintext')]);
      return;
    case 'refuse':
      for (const step of [1, Number.POSITIVE_INFINITY]) {
        assert.throws(() => open(cipher(), vector.hex('bytes'), step), { code: vector.text('error') });
      }
      return;
    default:
      assert.fail('unknown op');
  }
}

/** The plaintexts of all records of a stream that arrives in chunks of `step` bytes. */
function open(cipher: CipherState, bytes: Uint8Array, step: number): Uint8Array[] {
  const opener = new RecordOpener(cipher);
  const plaintexts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += step) {
    opener.push(bytes.subarray(at, Math.min(bytes.length, at + step)));
    for (let plain = opener.next(); plain !== undefined; plain = opener.next()) {
      plaintexts.push(new Uint8Array(plain));
    }
  }
  return plaintexts;
}

/** As the server reads HELLO and AUTH, as the client reads AUTH and ACK, and as both read the records. */
export function checkSession(backend: CryptoBackend, vector: CaseReader): void {
  const [hello, auth, clientAuth, ack] = vector.list('handshake').map((step) => {
    const [frame, ...more] = decode(step.hex('frame'), 11);
    assert.equal(more.length, 0);
    assert.deepEqual(frame?.payload, utf8(step.text('text')));
    return parseJsonText(step.text('text')) as JsonObject;
  });
  assert.ok(hello && auth && clientAuth && ack);
  const greeting = parseHello(hello);
  const { clientStatic, deviceId, devicePublic, proof } = greeting;
  const statement = { domain: vector.text('domain'), deviceId, devicePublic, clientStatic, proof };
  assert.ok(verifyDeviceKeyProof(backend, statement));
  assert.equal(toHex(devicePublic), vector.text('device_public'));

  const server = endOf(backend, vector, 'server');
  const client = endOf(backend, vector, 'client');
  server.readMessage(greeting.handshake);
  assert.deepEqual(client.writeMessage(), greeting.handshake);
  const message2 = fromHex(String(auth.handshake));
  assert.deepEqual(server.writeMessage(utf8(vector.text('message2_payload'))), message2);
  assert.deepEqual(client.readMessage(message2), utf8(vector.text('message2_payload')));
  const message3 = parseClientAuth(clientAuth).handshake;
  if (server.finished) assert.equal(message3.length, 0);
  else {
    server.readMessage(message3);
    assert.deepEqual(client.writeMessage(), message3);
  }
  const ends = { client: client.split(), server: server.split() };
  assert.equal(toHex(ends.server.handshakeHash), vector.text('handshake_hash'));
  assert.equal(toHex(ends.client.handshakeHash), vector.text('handshake_hash'));
  assert.deepEqual(ends.server.remoteStatic, clientStatic);
  assert.equal(ack.handshake, 'ok');
  const certificate = certificateFromJson(ack.device_certificate);
  assert.ok(verifyCertificate(backend, certificate, vector.hex('authority_public')));
  checkSessionRecords(backend, vector, ends);
}

function checkSessionRecords(
  backend: CryptoBackend,
  vector: CaseReader,
  ends: Readonly<Record<Side, HandshakeResult>>,
): void {
  const [toServer, toClient] = keysOf(vector);
  assert.ok(toServer && toClient);
  const byKey = { client: new CipherState(backend, toServer), server: new CipherState(backend, toClient) };
  const byHandshake = { client: ends.server.receive, server: ends.client.receive };
  for (const record of vector.list('records')) {
    const from = record.text('from') === 'client' ? 'client' : 'server';
    const plaintext = concatBytes(...record.list('frames').map((frame) => frame.hex('frame')));
    for (const cipher of [byKey[from], byHandshake[from]]) {
      assert.deepEqual(open(cipher, record.hex('record'), 1), [plaintext]);
    }
    const frames = decode(plaintext, Number.POSITIVE_INFINITY);
    assert.deepEqual(
      frames.map(({ type, channel, sequence }) => [type, channel, sequence]),
      record
        .list('frames')
        .map((frame) => [frame.number('type'), frame.number('channel'), frame.number('sequence')]),
    );
  }
}
