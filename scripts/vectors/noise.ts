import { copyBytes, toHex, utf8 } from '../../src/protocol/bytes.ts';
import type { CryptoBackend } from '../../src/protocol/crypto-backend.ts';
import { deriveDeviceKey, noiseKeyPair, noiseStaticFromDeviceKey } from '../../src/protocol/identity/keys.ts';
import type { NoisePattern } from '../../src/protocol/noise/noise.ts';
import { NoiseError } from '../../src/protocol/noise/noise-error.ts';
import { material } from './material.ts';
import { type NoiseInputs, noiseInputsJson, noisePair, tellingBackend } from './noise-pair.ts';
import { insist, type VectorCase, type VectorFile } from './vector-file.ts';

const NOTHING = new Uint8Array(0);

function inputsOf(backend: CryptoBackend, pattern: NoisePattern, prologue: string): NoiseInputs {
  const device = deriveDeviceKey(backend, material(`noise device ${pattern} ${prologue}`));
  return {
    pattern,
    prologue: utf8(prologue),
    clientStatic: noiseStaticFromDeviceKey(backend, device.privateKey),
    serverStatic: noiseKeyPair(backend, material(`noise server ${pattern} ${prologue}`)),
    clientEphemeral: material(`client ephemeral ${pattern} ${prologue}`),
    serverEphemeral: material(`server ephemeral ${pattern} ${prologue}`),
  };
}

/** A whole handshake, its keys, and three messages in each direction. */
function handshake(
  plain: CryptoBackend,
  name: string,
  inputs: NoiseInputs,
  payloads: readonly string[],
): VectorCase {
  const { backend, encryptAndTell } = tellingBackend(plain);
  const ends = noisePair(backend, inputs);
  const messages = payloads.map((text, index) => {
    const [from, to] = index % 2 === 0 ? (['client', 'server'] as const) : (['server', 'client'] as const);
    const message = ends[from].writeMessage(utf8(text));
    insist(toHex(ends[to].readMessage(message)) === toHex(utf8(text)), name);
    return { from, payload: toHex(utf8(text)), message: toHex(message) };
  });
  const client = ends.client.split();
  const server = ends.server.split();
  insist(toHex(client.handshakeHash) === toHex(server.handshakeHash), name);
  const keys: { client?: string; server?: string } = {};
  const transport = (['client', 'server'] as const).flatMap((from) =>
    ['first', '', 'third and a little longer than one block of the cipher, which has 64 bytes'].map(
      (text) => {
        const told = encryptAndTell(from === 'client' ? client.send : server.send, utf8(text));
        keys[from] = toHex(told.key);
        return { from, plaintext: toHex(utf8(text)), ciphertext: toHex(told.ciphertext) };
      },
    ),
  );
  return {
    name,
    op: 'handshake',
    ...noiseInputsJson(plain, inputs),
    messages,
    handshake_hash: toHex(client.handshakeHash),
    key_client_to_server: keys.client,
    key_server_to_client: keys.server,
    transport,
  };
}

function flipped(message: Uint8Array, at: number): Uint8Array {
  const changed = copyBytes(message);
  changed[at] = (changed[at] ?? 0) ^ 0x01;
  return changed;
}

/** The messages of an untouched handshake with empty payloads. */
function messagesOf(backend: CryptoBackend, inputs: NoiseInputs): readonly Uint8Array[] {
  const { client, server } = noisePair(backend, inputs);
  const messages: Uint8Array[] = [];
  while (!client.finished) {
    const [writer, reader] = messages.length % 2 === 0 ? [client, server] : [server, client];
    const message = writer.writeMessage(NOTHING);
    reader.readMessage(message);
    messages.push(message);
  }
  return messages;
}

/** The reader of message `index` (from 0) gets `message` in its place and must refuse it. */
function refused(
  backend: CryptoBackend,
  name: string,
  inputs: NoiseInputs,
  index: number,
  message: Uint8Array,
): VectorCase {
  const before = messagesOf(backend, inputs).slice(0, index);
  const { client, server } = noisePair(backend, inputs);
  const reader = index % 2 === 0 ? server : client;
  for (const [at, earlier] of before.entries()) {
    if (at % 2 === index % 2) reader.readMessage(earlier);
    else insist(toHex(reader.writeMessage(NOTHING)) === toHex(earlier), name);
  }
  try {
    reader.readMessage(message);
  } catch (error) {
    if (!(error instanceof NoiseError)) throw error;
    return {
      name,
      op: 'refuse',
      ...noiseInputsJson(backend, inputs),
      reader: index % 2 === 0 ? 'server' : 'client',
      before: before.map((earlier) => toHex(earlier)),
      message: toHex(message),
    };
  }
  throw new Error(`accepted: ${name}`);
}

function refusals(backend: CryptoBackend, pattern: NoisePattern): VectorCase[] {
  const inputs = inputsOf(backend, pattern, 'commucat');
  const messages = messagesOf(backend, inputs);
  const first = messages[0] ?? NOTHING;
  const otherServer = { ...inputs, serverStatic: noiseKeyPair(backend, material('not that server')) };
  const otherPrologue = { ...inputs, prologue: utf8('CommuCat') };
  const firstOf = (changed: NoiseInputs): Uint8Array => messagesOf(backend, changed)[0] ?? NOTHING;
  const last = first.length - 1;
  return [
    ...messages.flatMap((message, index) => [
      refused(backend, `${pattern} message ${index + 1}: first bit`, inputs, index, flipped(message, 0)),
      refused(
        backend,
        `${pattern} message ${index + 1}: last bit`,
        inputs,
        index,
        flipped(message, message.length - 1),
      ),
      refused(
        backend,
        `${pattern} message ${index + 1}: a byte is missing`,
        inputs,
        index,
        message.subarray(0, -1),
      ),
    ]),
    refused(backend, `${pattern} message 1 for another server key`, inputs, 0, firstOf(otherServer)),
    refused(backend, `${pattern} message 1 with another prologue`, inputs, 0, firstOf(otherPrologue)),
    refused(
      backend,
      `${pattern} message 1 with 32 bytes appended`,
      inputs,
      0,
      new Uint8Array([...first, ...new Uint8Array(32)]),
    ),
    refused(
      backend,
      `${pattern} message 1 with an ephemeral key of order 1`,
      inputs,
      0,
      new Uint8Array(last + 1),
    ),
    refused(backend, `${pattern} message 1 without bytes`, inputs, 0, NOTHING),
  ];
}

const IDENTITY_TEXT = '{"domain":"cats.example","protocol_version":1,"session":"5e55","user_id":"user-manx"}';

export const noise: VectorFile = {
  about:
    'Noise XK and IK with given ephemeral keys: messages, hash, transport keys, first transport messages, refusals.',
  section: '3.5',
  cases: (backend) => [
    ...(['XK', 'IK'] as const).flatMap((pattern) => {
      const empty = pattern === 'XK' ? ['', '', ''] : ['', ''];
      const inCcp = pattern === 'XK' ? ['', IDENTITY_TEXT, ''] : ['', IDENTITY_TEXT];
      const everywhere = ['from the client', IDENTITY_TEXT, 'again from the client'].slice(0, empty.length);
      return [
        handshake(backend, `${pattern} as in CCP-1`, inputsOf(backend, pattern, 'commucat'), inCcp),
        handshake(backend, `${pattern} without payloads`, inputsOf(backend, pattern, 'commucat'), empty),
        handshake(
          backend,
          `${pattern} with every payload`,
          inputsOf(backend, pattern, 'a prologue of its own'),
          everywhere,
        ),
        handshake(backend, `${pattern} with an empty prologue`, inputsOf(backend, pattern, ''), inCcp),
      ];
    }),
    ...refusals(backend, 'XK'),
    ...refusals(backend, 'IK'),
  ],
};
