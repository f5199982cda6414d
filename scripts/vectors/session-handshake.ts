import { ClientHandshake } from '../../src/client/session/handshake.ts';
import {
  acknowledgementPayload,
  authPayload,
  identityPayload,
} from '../../src/gateway/sessions/handshake-payloads.ts';
import { concatBytes, toHex, utf8 } from '../../src/protocol/bytes.ts';
import { parseClientAuth, parseHello } from '../../src/protocol/control/index.ts';
import type { CryptoBackend } from '../../src/protocol/crypto-backend.ts';
import { encodeFrame, type Frame } from '../../src/protocol/frames/frame.ts';
import { FrameDecoder } from '../../src/protocol/frames/frame-decoder.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { parseJson } from '../../src/protocol/json/json.ts';
import { type HandshakeResult, HandshakeState, type NoisePattern } from '../../src/protocol/noise/noise.ts';
import { material, scriptedRandom } from './material.ts';
import { sessionCertificate, sessionDevice, sessionKeys, WORLD } from './session-world.ts';

/** What differs between the connections. */
export interface SessionPlan {
  readonly pattern: NoisePattern;
  /** The device has connected before. */
  readonly registered: boolean;
  readonly inbox: { readonly confirmed: number; readonly next: number };
  readonly received: number;
}

/** Everything random in one handshake. */
export function sessionSecrets({ pattern }: SessionPlan) {
  return {
    clientEphemeral: material(`transcript client ephemeral ${pattern}`),
    serverEphemeral: material(`transcript server ephemeral ${pattern}`),
    proofNonce: material(`transcript proof nonce ${pattern}`, 64),
    sessionToken: toHex(material(`transcript session token ${pattern}`)),
  };
}

export interface FinishedHandshake {
  /** The four frames, alternating from the client on. */
  readonly frames: readonly Uint8Array[];
  /** JSON in Noise message 2. */
  readonly identity: Uint8Array;
  readonly client: HandshakeResult;
  readonly server: HandshakeResult;
}

/** Runs the SDK's handshake against the server's payloads: HELLO, AUTH, AUTH, ACK. */
export function runHandshake(backend: CryptoBackend, plan: SessionPlan): FinishedHandshake {
  const { server } = sessionKeys(backend);
  const secrets = sessionSecrets(plan);
  const client = clientOf(backend, plan);
  const responder = new HandshakeState({
    backend,
    random: scriptedRandom(secrets.serverEphemeral),
    pattern: plan.pattern,
    initiator: false,
    prologue: utf8(WORLD.prologue),
    staticKey: server,
  });
  const hello = client.hello();
  responder.readMessage(parseHello(parseJson(frameOf(hello).payload)).handshake);
  const identity = identityPayload(WORLD.domain, secrets.sessionToken, WORLD.user);
  const message2 = responder.writeMessage(identity);
  const authText = authPayload(WORLD.deviceId, secrets.sessionToken, server.publicKey, message2);
  const auth = encodeFrame(FRAME.AUTH, 0, 1, authText);
  const answer = client.read(frameOf(auth));
  if (answer.kind !== 'send') throw new Error('the client does not answer AUTH');
  const last = parseClientAuth(parseJson(frameOf(answer.bytes).payload)).handshake;
  if (!responder.finished) responder.readMessage(last);
  const ack = encodeFrame(FRAME.ACK, 0, 2, acknowledgement(backend, plan));
  const established = client.read(frameOf(ack));
  if (established.kind !== 'established') throw new Error('the client does not accept the ACK');
  const frames = [hello, auth, answer.bytes, ack];
  return { frames, identity, client: established.noise, server: responder.split() };
}

function clientOf(backend: CryptoBackend, plan: SessionPlan): ClientHandshake {
  const { clientEphemeral, proofNonce } = sessionSecrets(plan);
  const { authority, server } = sessionKeys(backend);
  return new ClientHandshake({
    settings: {
      pattern: plan.pattern,
      domain: WORLD.domain,
      serverStatic: server.publicKey,
      prologue: WORLD.prologue,
      capabilities: WORLD.capabilities,
      displayName: WORLD.user.displayName,
      avatarUrl: undefined,
    },
    device: sessionDevice(backend, plan.registered),
    authority: plan.registered ? authority.publicKey : undefined,
    backend,
    random: scriptedRandom(clientEphemeral, proofNonce),
  });
}

function acknowledgement(backend: CryptoBackend, plan: SessionPlan): Uint8Array {
  const { authority, server } = sessionKeys(backend);
  const key = {
    version: 1,
    keyPair: server,
    validAfter: (WORLD.now - 3600) * 1000,
    rotatesAt: (WORLD.now + 86_400) * 1000,
    expiresAt: (WORLD.now + 172_800) * 1000,
  };
  return acknowledgementPayload({
    established: {
      sessionToken: sessionSecrets(plan).sessionToken,
      user: WORLD.user,
      pairingRequired: true,
      certificate: sessionCertificate(backend),
      authority: authority.publicKey,
      capabilities: WORLD.capabilities,
      inbox: { ...plan.inbox, epoch: WORLD.epoch, since: 1 },
      resume: { received: plan.received, epoch: WORLD.epoch, refused: [] },
    },
    usedKey: key,
    activeKeys: [key],
    keepaliveSeconds: 15,
  });
}

/** The one frame in these bytes. */
export function frameOf(bytes: Uint8Array): Frame {
  const decoder = new FrameDecoder();
  decoder.push(concatBytes(bytes));
  const frame = decoder.next();
  if (frame === undefined || decoder.buffered > 0) throw new Error('not exactly one frame');
  return frame;
}
