import { concatBytes, toHex, utf8 } from '../../src/protocol/bytes.ts';
import type { CryptoBackend } from '../../src/protocol/crypto-backend.ts';
import { encodeFrame } from '../../src/protocol/frames/frame.ts';
import { FRAME, FRAME_TYPES } from '../../src/protocol/frames/frame-types.ts';
import { noiseStaticFromDeviceKey } from '../../src/protocol/identity/keys.ts';
import { encodeJson, type JsonInput } from '../../src/protocol/json/json.ts';
import { material } from './material.ts';
import { tellingBackend } from './noise-pair.ts';
import { sealRecord } from './record-writing.ts';
import { frameOf, runHandshake, type SessionPlan, sessionSecrets } from './session-handshake.ts';
import { sessionKeys, WORLD } from './session-world.ts';
import type { VectorCase, VectorFile } from './vector-file.ts';

type Side = 'client' | 'server';

/** One record: who writes it, and the frames in it. */
interface Step {
  readonly from: Side;
  readonly frames: readonly Uint8Array[];
  readonly note: string;
}

function message(sequence: number, label: string): Uint8Array {
  return encodeFrame(FRAME.MSG, WORLD.channel, sequence, material(label, 32));
}

function join(sequence: number): Uint8Array {
  const members = [WORLD.deviceId, WORLD.peerId];
  return encodeFrame(FRAME.JOIN, WORLD.channel, sequence, encodeJson({ members, relay: true }));
}

function ack(channel: number, sequence: number, of: number): Uint8Array {
  return encodeFrame(FRAME.ACK, channel, sequence, encodeJson({ ack: of }));
}

/** Downstream, the sequence of a MSG is its inbox number; that of an answer means nothing. */
const FIRST_CONNECTION: readonly Step[] = [
  {
    from: 'client',
    note: 'JOIN and the first message, in one record',
    frames: [join(3), message(4, 'from us 4')],
  },
  {
    from: 'server',
    note: 'both are answered; the MSG is on disk',
    frames: [ack(WORLD.channel, 3, 3), ack(WORLD.channel, 4, 4)],
  },
  {
    from: 'server',
    note: 'the peer answers: inbox number 1',
    frames: [message(1, 'from the peer 1')],
  },
  { from: 'client', note: 'everything up to inbox number 1 is processed', frames: [ack(0, 5, 1)] },
  { from: 'client', note: 'an empty record says nothing', frames: [] },
  { from: 'server', note: 'inbox number 2', frames: [message(2, 'from the peer 2')] },
  {
    from: 'client',
    note: 'two messages; the connection breaks before their ACKs, and before number 2 is confirmed',
    frames: [message(6, 'from us 6'), message(7, 'from us 7')],
  },
];

/** The server had stored message 6 when the connection broke, and never got message 7. */
const SECOND_CONNECTION: readonly Step[] = [
  {
    from: 'server',
    note: 'inbox number 2 again, with its old number, as it was not confirmed',
    frames: [message(2, 'from the peer 2')],
  },
  {
    from: 'client',
    note: 'JOIN again, then what is above `received`, with its old sequence',
    frames: [join(8), message(7, 'from us 7')],
  },
  {
    from: 'server',
    note: 'both are answered',
    frames: [ack(WORLD.channel, 3, 8), ack(WORLD.channel, 4, 7)],
  },
  {
    from: 'client',
    note: 'a message that the server has already (a client that did not read `received`)',
    frames: [message(6, 'from us 6')],
  },
  { from: 'server', note: 'acknowledged, and not posted again', frames: [ack(WORLD.channel, 5, 6)] },
  { from: 'client', note: 'number 2 is processed', frames: [ack(0, 9, 2)] },
  { from: 'server', note: 'something new: inbox number 3', frames: [message(3, 'from the peer 3')] },
  { from: 'client', note: 'and its confirmation', frames: [ack(0, 10, 3)] },
];

function transcript(
  plain: CryptoBackend,
  name: string,
  plan: SessionPlan,
  steps: readonly Step[],
): VectorCase {
  const told = tellingBackend(plain);
  const finished = runHandshake(plain, plan);
  const send = { client: finished.client.send, server: finished.server.send };
  const records = steps.map(({ from, frames, note }) => {
    const bytes = sealRecord(send[from], concatBytes(...frames));
    return { from, note, frames: frames.map(frameJson), record: toHex(bytes) };
  });
  // The same handshake once more, only to learn its keys: a cipher does not give its key away.
  const again = runHandshake(told.backend, plan);
  const keyOf = (side: Side): string => toHex(told.encryptAndTell(again[side].send, new Uint8Array(0)).key);
  return {
    name,
    ...inputsJson(plain, plan),
    message2_payload: new TextDecoder().decode(finished.identity),
    handshake: finished.frames.map((bytes, index) => ({
      from: index % 2 === 0 ? 'client' : 'server',
      ...frameJson(bytes),
    })),
    handshake_hash: toHex(finished.client.handshakeHash),
    key_client_to_server: keyOf('client'),
    key_server_to_client: keyOf('server'),
    records,
  };
}

function inputsJson(backend: CryptoBackend, plan: SessionPlan) {
  const { authority, device, deviceSeed, server } = sessionKeys(backend);
  const secrets = sessionSecrets(plan);
  return {
    pattern: plan.pattern,
    domain: WORLD.domain,
    prologue: toHex(utf8(WORLD.prologue)),
    device_id: WORLD.deviceId,
    device_seed: toHex(deviceSeed),
    device_private: toHex(device.privateKey),
    device_public: toHex(device.publicKey),
    client_static: toHex(noiseStaticFromDeviceKey(backend, device.privateKey).publicKey),
    authority_public: toHex(authority.publicKey),
    server_static_private: toHex(server.privateKey),
    server_static_public: toHex(server.publicKey),
    client_ephemeral_private: toHex(secrets.clientEphemeral),
    server_ephemeral_private: toHex(secrets.serverEphemeral),
    proof_nonce: toHex(secrets.proofNonce),
  };
}

function frameJson(bytes: Uint8Array): Readonly<Record<string, JsonInput>> {
  const { type, channel, sequence, payload } = frameOf(bytes);
  const isJson = FRAME_TYPES[type]?.payload === 'json';
  const content = isJson ? { text: new TextDecoder().decode(payload) } : { payload: toHex(payload) };
  return { type, channel, sequence, ...content, frame: toHex(bytes) };
}

export const sessions: VectorFile = {
  about:
    'Two connections of one device, byte for byte: XK with JOIN, MSG and delivery, then IK with what a break left over.',
  section: '3, 4, 5, 11',
  cases: (backend) => [
    transcript(
      backend,
      'XK: first connection, registers the device',
      { pattern: 'XK', registered: false, inbox: { confirmed: 0, next: 1 }, received: 0 },
      FIRST_CONNECTION,
    ),
    transcript(
      backend,
      'IK: second connection, with certificate, resumes',
      { pattern: 'IK', registered: true, inbox: { confirmed: 1, next: 3 }, received: 6 },
      SECOND_CONNECTION,
    ),
  ],
};
