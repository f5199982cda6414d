import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/index.ts';
import { sodiumBackend } from '../../src/crypto/index.ts';
import { Gateway, LinkTable, rateLimiters } from '../../src/gateway/index.ts';
import { ensureDevIdentity } from '../../src/keys/dev-identity.ts';
import type { NoiseKey } from '../../src/keys/index.ts';
import { utf8 } from '../../src/protocol/bytes.ts';
import type { Frame } from '../../src/protocol/frames/frame.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { issueCertificate } from '../../src/protocol/identity/certificate.ts';
import { deriveAuthorityKey, noiseKeyPair } from '../../src/protocol/identity/keys.ts';
import { canonicalJson, type JsonInput } from '../../src/protocol/json/json.ts';
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
