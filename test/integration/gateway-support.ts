import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/index.ts';
import { sodiumBackend } from '../../src/crypto/index.ts';
import { Gateway, LinkTable, rateLimiters } from '../../src/gateway/index.ts';
import { ensureDevIdentity } from '../../src/keys/dev-identity.ts';
import type { NoiseKey } from '../../src/keys/index.ts';
import { toHex, utf8 } from '../../src/protocol/bytes.ts';
import type { KeyPair } from '../../src/protocol/crypto-backend.ts';
import { encodeFrame, type Frame } from '../../src/protocol/frames/frame.ts';
import { FrameDecoder } from '../../src/protocol/frames/frame-decoder.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { issueCertificate } from '../../src/protocol/identity/certificate.ts';
import {
  deriveAuthorityKey,
  deriveDeviceKey,
  noiseKeyPair,
  noiseStaticFromDeviceKey,
} from '../../src/protocol/identity/keys.ts';
import { proofToJson, proveDeviceKey } from '../../src/protocol/identity/proof.ts';
import { canonicalJson, type JsonInput } from '../../src/protocol/json/json.ts';
import { type HandshakeResult, HandshakeState } from '../../src/protocol/noise/noise.ts';
import { RecordOpener, RecordSealer } from '../../src/protocol/noise/record.ts';
import type {
  Establishment,
  HelloFacts,
  RelayPort,
  Resolution,
  Resumption,
  SessionNumber,
} from '../../src/relay-port/relay-port.ts';
import { systemClock, systemRandom } from '../../src/system/index.ts';
import { createLogger, createMetrics, type Metrics } from '../../src/telemetry/index.ts';

export const backend = sodiumBackend;
export const PROLOGUE = utf8('commucat');
export const DOMAIN = 'gateway.test';
export const TOKEN = 'ab'.repeat(32);
export const EPOCH = 'e0'.repeat(16);
export const USER = { id: 'cd'.repeat(32), handle: 'ada', displayName: 'Ada', avatarUrl: null };
const AUTHORITY = deriveAuthorityKey(backend, new Uint8Array(32).fill(9));

export type ReceivedFrame = Frame & { readonly session: SessionNumber };

const RESUMPTION: Resumption = {
  received: 7,
  epoch: EPOCH,
  refused: [{ sequence: 5, error: 'mailbox_full' }],
};

/** The smallest relay that answers: it knows one user, acknowledges every MSG, and notes what it is told. */
export class TestRelay implements RelayPort {
  readonly hellos: HelloFacts[] = [];
  readonly begun: SessionNumber[] = [];
  readonly frames: ReceivedFrame[] = [];
  readonly marks: number[] = [];
  readonly receivedMarks: number[] = [];
  readonly ends: { readonly session: SessionNumber; readonly reason: string }[] = [];
  writableCalls = 0;
  resolution: () => Promise<Resolution> = async () => ({ ok: true, sessionToken: TOKEN, user: USER });
  refusal: Extract<Establishment, { ok: false }> | undefined;
  onFrame: (frame: ReceivedFrame) => void = (frame) => this.acknowledge(frame);
  readonly #links: LinkTable;

  constructor(links: LinkTable) {
    this.#links = links;
  }

  resolve(hello: HelloFacts): Promise<Resolution> {
    this.hellos.push(hello);
    return this.resolution();
  }

  async establish(session: SessionNumber): Promise<Establishment> {
    if (this.refusal !== undefined) return this.refusal;
    const hello = this.hellos.find((known) => known.session === session);
    if (hello === undefined) throw new Error('establish before resolve');
    const certificate = issueCertificate(backend.ed25519Signer(AUTHORITY.privateKey), {
      serial: 0xffff_ffff_ffff_ffffn,
      userId: USER.id,
      deviceId: hello.deviceId,
      publicKey: hello.devicePublic,
      issuedAt: 1_700_000_000,
      expiresAt: 1_702_592_000,
    });
    const resumes = hello.capabilities.includes('resume');
    const facts = {
      sessionToken: TOKEN,
      user: USER,
      pairingRequired: false,
      certificate,
      authority: AUTHORITY.publicKey,
      capabilities: resumes ? ['resume'] : [],
      inbox: undefined,
      resume: resumes ? RESUMPTION : undefined,
    };
    return { ok: true, facts };
  }

  begin(session: SessionNumber): void {
    this.begun.push(session);
  }

  frame(session: SessionNumber, frame: Frame): void {
    const received = { session, ...frame };
    this.frames.push(received);
    this.onFrame(received);
  }

  received(_session: SessionNumber, mark: number): void {
    this.receivedMarks.push(mark);
  }

  taken(_session: SessionNumber, mark: number): void {
    this.marks.push(mark);
  }

  writable(): void {
    this.writableCalls += 1;
  }

  closed(session: SessionNumber, reason: string): void {
    this.ends.push({ session, reason });
  }

  acknowledge({ session, channel, sequence, type }: ReceivedFrame): void {
    if (type !== FRAME.MSG) return;
    this.#links.send(session, FRAME.ACK, channel, sequence, json({ ack: sequence }));
    this.#links.flush(session, sequence);
  }
}

export interface TestGateway {
  readonly gateway: Gateway;
  readonly links: LinkTable;
  readonly relay: TestRelay;
  readonly metrics: Metrics;
  readonly port: number;
  /** Of the listener without TLS; 0: there is none. */
  readonly plainPort: number;
  readonly directory: string;
  readonly ca: Buffer;
  /** Newest first. */
  readonly keys: readonly [NoiseKey, ...NoiseKey[]];
  readonly authorityPublic: Uint8Array;
  close(): Promise<void>;
}

/** A real listener on a free port of this machine. `overrides`: `section.key=value`. */
export async function startGateway(overrides: readonly string[] = []): Promise<TestGateway> {
  const directory = mkdtempSync(join(tmpdir(), 'commucat-gateway-'));
  const identity = await ensureDevIdentity(directory, { clock: systemClock, random: systemRandom });
  const config = loadConfig({
    env: {},
    workingDirectory: directory,
    overrides: [
      'server.bind=127.0.0.1:0',
      `server.tls_cert=${identity.certFile}`,
      `server.tls_key=${identity.keyFile}`,
      `server.domain=${DOMAIN}`,
      'security.rate_limit.connect_burst=100000',
      'security.rate_limit.http_burst=100000',
      ...overrides,
    ],
  });
  const links = new LinkTable();
  const relay = new TestRelay(links);
  const metrics = createMetrics();
  const keys = [noiseKey(2, 22), noiseKey(1, 11)] as const;
  const gateway = new Gateway({
    config,
    links,
    relay,
    backend,
    keyring: { active: () => [...keys] },
    authorityPublic: AUTHORITY.publicKey,
    clock: systemClock,
    random: systemRandom,
    logger: createLogger({ level: 'silent' }),
    metrics,
    limiters: rateLimiters(config, systemClock, metrics),
    ready: async () => true,
    version: '1.2.3',
  });
  const { port, plain } = await gateway.listen();
  const close = async () => {
    await gateway.close(0);
    rmSync(directory, { recursive: true, force: true });
  };
  const ca = readFileSync(identity.caFile);
  return {
    gateway,
    links,
    relay,
    metrics,
    port,
    plainPort: plain?.port ?? 0,
    directory,
    ca,
    keys: [...keys],
    authorityPublic: AUTHORITY.publicKey,
    close,
  };
}

function noiseKey(version: number, byte: number): NoiseKey {
  const keyPair = noiseKeyPair(backend, new Uint8Array(32).fill(byte));
  const validAfter = Date.UTC(2025, 0, version);
  return {
    version,
    keyPair,
    validAfter,
    rotatesAt: validAfter + 3_600_000,
    expiresAt: validAfter + 7_200_500,
  };
}

export function json(value: JsonInput): Uint8Array {
  return utf8(canonicalJson(value));
}

export function text(payload: Uint8Array): string {
  return Buffer.from(payload).toString('utf8');
}

export interface PeerOptions {
  readonly pattern?: 'XK' | 'IK';
  readonly serverStatic?: Uint8Array;
  /** Changes the HELLO before it is sent. */
  readonly hello?: Readonly<Record<string, JsonInput>>;
  readonly headers?: http2.OutgoingHttpHeaders;
  /** Noise static key other than the one that HELLO names. */
  readonly noiseStatic?: KeyPair;
  /** Prefix of the connection settings. */
  readonly settings?: http2.Settings;
}

/** A client over one HTTP/2 connection, as close to the bytes as a test needs it. */
export class Peer {
  readonly session: http2.ClientHttp2Session;
  readonly stream: http2.ClientHttp2Stream;
  readonly noise: HandshakeState;
  readonly helloJson: Readonly<Record<string, JsonInput>>;
  ciphers: HandshakeResult | undefined;
  #decoder = new FrameDecoder();
  #opener: RecordOpener | undefined;
  #sealer: RecordSealer | undefined;
  #frames: Frame[] = [];
  #ended = false;
  #reset: number | undefined;
  #wake: (() => void) | undefined;
  #plaintextAfterAck = false;

  constructor(gateway: TestGateway, options: PeerOptions = {}) {
    const pattern = options.pattern ?? 'XK';
    const device = deriveDeviceKey(backend, new Uint8Array(32).fill(5));
    const staticKey = noiseStaticFromDeviceKey(backend, device.privateKey);
    this.noise = new HandshakeState({
      backend,
      random: systemRandom,
      pattern,
      initiator: true,
      prologue: PROLOGUE,
      staticKey: options.noiseStatic ?? staticKey,
      remoteStatic: options.serverStatic ?? gateway.keys[0].keyPair.publicKey,
    });
    const statement = {
      domain: DOMAIN,
      deviceId: 'device-1',
      devicePublic: device.publicKey,
      clientStatic: staticKey.publicKey,
    };
    this.helloJson = {
      supported_versions: [1],
      pattern,
      device_id: 'device-1',
      handshake: toHex(this.noise.writeMessage()),
      client_static: toHex(staticKey.publicKey),
      device_public: toHex(device.publicKey),
      zkp: proofToJson(proveDeviceKey(backend, systemRandom, device.privateKey, statement)),
      user: { handle: 'ada' },
      ...options.hello,
    };
    this.session = http2.connect(`https://localhost:${gateway.port}`, {
      ca: gateway.ca,
      host: '127.0.0.1',
      ...(options.settings === undefined ? {} : { settings: options.settings }),
    });
    this.session.on('error', () => undefined);
    this.stream = this.session.request({ ':method': 'POST', ':path': '/connect', ...options.headers });
    this.stream.on('data', (chunk: Uint8Array) => this.#onData(chunk));
    this.stream.on('end', () => this.#finish());
    this.stream.on('error', () => undefined);
    this.stream.on('close', () => {
      this.#reset = this.stream.rstCode;
      this.#finish();
    });
  }

  /** Code of the RST_STREAM that ended the stream, 0 for a clean end; undefined while it is open. */
  get resetCode(): number | undefined {
    return this.#reset;
  }

  head(): Promise<http2.IncomingHttpHeaders> {
    return new Promise((resolve) => this.stream.once('response', resolve));
  }

  write(bytes: Uint8Array): void {
    this.stream.write(bytes);
  }

  sendPlain(type: number, channel: number, sequence: number, payload: Uint8Array): void {
    this.write(encodeFrame(type, channel, sequence, payload));
  }

  sendHello(channel = 0): void {
    this.sendPlain(FRAME.HELLO, channel, 1, json(this.helloJson));
  }

  /** A record of the session with these bytes in it. */
  record(plaintext: Uint8Array): Uint8Array {
    if (this.#sealer === undefined) throw new Error('no session yet');
    const buffer = new Uint8Array(3 + plaintext.length + 16);
    buffer.set(plaintext, 3);
    this.#sealer.seal(buffer, 3, plaintext.length);
    return buffer.subarray(this.#sealer.start, this.#sealer.end);
  }

  send(type: number, channel: number, sequence: number, payload: Uint8Array): void {
    this.write(this.record(encodeFrame(type, channel, sequence, payload)));
  }

  /** The next frame, or undefined at the end of the stream. */
  async next(): Promise<Frame | undefined> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) return frame;
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Reads AUTH and answers it. `auth`: the JSON to send instead of the correct one. */
  async answerAuth(auth?: JsonInput): Promise<Frame> {
    const frame = await this.next();
    if (frame?.type !== FRAME.AUTH) {
      throw new Error(`no AUTH: ${frame === undefined ? 'end' : text(frame.payload)}`);
    }
    this.readAuth(frame);
    const third = this.noise.finished ? '' : toHex(this.noise.writeMessage());
    this.sendPlain(FRAME.AUTH, 0, 2, json(auth ?? { handshake: third }));
    return frame;
  }

  /** The identity in Noise message 2. */
  readAuth(frame: Frame): string {
    const { handshake } = JSON.parse(text(frame.payload)) as { handshake: string };
    return text(this.noise.readMessage(Buffer.from(handshake, 'hex')));
  }

  /** Prepares the record layer; `plaintext` for the older generation. */
  establish(plaintext = false): void {
    this.ciphers = this.noise.split();
    this.#plaintextAfterAck = plaintext;
    this.#sealer = new RecordSealer(this.ciphers.send);
  }

  /** The whole handshake. Returns the ACK. */
  async connect(plaintext = false): Promise<Frame> {
    this.sendHello();
    await this.answerAuth();
    this.establish(plaintext);
    const ack = await this.next();
    if (ack === undefined) throw new Error('no ACK');
    return ack;
  }

  close(): void {
    this.session.destroy();
  }

  #onData(chunk: Uint8Array): void {
    let rest = chunk;
    if (this.#opener === undefined) {
      this.#decoder.push(chunk);
      for (let frame = this.#decoder.next(); frame !== undefined; frame = this.#decoder.next()) {
        this.#frames.push(frame);
        if (frame.type !== FRAME.ACK || this.ciphers === undefined || this.#plaintextAfterAck) continue;
        rest = chunk.subarray(chunk.length - this.#decoder.buffered);
        this.#decoder = new FrameDecoder();
        this.#opener = new RecordOpener(this.ciphers.receive);
        this.#readRecords(rest);
        break;
      }
    } else this.#readRecords(rest);
    this.#wake?.();
  }

  #readRecords(chunk: Uint8Array): void {
    this.#opener?.push(chunk);
    for (let plain = this.#opener?.next(); plain !== undefined; plain = this.#opener?.next()) {
      this.#decoder.push(plain);
      for (let frame = this.#decoder.next(); frame !== undefined; frame = this.#decoder.next()) {
        this.#frames.push(frame);
      }
    }
  }

  #finish(): void {
    this.#ended = true;
    this.#wake?.();
  }
}
