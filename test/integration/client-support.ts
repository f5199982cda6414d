import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRelay } from '../../src/actors/create-relay.ts';
import { meterRelay } from '../../src/actors/relay-metrics.ts';
import type { ConnectOptions, DeviceStore } from '../../src/client/index.ts';
import { createDevice, MemoryDeviceStore } from '../../src/client/index.ts';
import { loadConfig } from '../../src/config/index.ts';
import { sodiumBackend } from '../../src/crypto/index.ts';
import { Gateway, LinkTable, rateLimiters } from '../../src/gateway/index.ts';
import { ensureDevIdentity } from '../../src/keys/dev-identity.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { MemoryLog } from '../../src/log/memory/memory-log.ts';
import { MemoryPresence } from '../../src/presence/memory-presence.ts';
import { deriveAuthorityKey, noiseKeyPair } from '../../src/protocol/identity/keys.ts';
import { systemClock, systemRandom } from '../../src/system/index.ts';
import { createLogger, createMetrics } from '../../src/telemetry/index.ts';

const DOMAIN = 'client.test';
const backend = sodiumBackend;
const NOISE_KEY = noiseKeyPair(backend, new Uint8Array(32).fill(0x21));

interface RunningParts {
  readonly port: number;
  stop(): Promise<void>;
}

/** The real gateway and relay on a log in memory; it can stop and come back on its port with what its log holds. */
export class TestServer {
  readonly log: EventLog;
  readonly ca: Buffer;
  readonly domain = DOMAIN;
  readonly noisePublic = NOISE_KEY.publicKey;
  readonly #directory: string;
  readonly #overrides: readonly string[];
  #authority = deriveAuthorityKey(backend, new Uint8Array(32).fill(9));
  #running: RunningParts | undefined;
  #port = 0;

  constructor(
    directory: string,
    ca: Buffer,
    overrides: readonly string[],
    log: EventLog = new MemoryLog(systemClock),
  ) {
    this.log = log;
    this.#directory = directory;
    this.ca = ca;
    this.#overrides = overrides;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `https://localhost:${this.#port}/connect`;
  }

  /** Its certificate and key, for who takes its place. */
  get tls(): { readonly cert: Buffer; readonly key: Buffer } {
    const read = (name: string): Buffer => readFileSync(join(this.#directory, name));
    return { cert: read('cert.pem'), key: read('key.pem') };
  }

  /** Options for a client of this server. Delays are short: tests wait for them. */
  options(store: DeviceStore): ConnectOptions {
    const { url, ca, domain, noisePublic: serverStatic } = this;
    return { url, ca, domain, serverStatic, store, reconnect: { initialDelay: 10, maxDelay: 50 } };
  }

  /** Options for a new device in memory. */
  newDevice(deviceId: string): ConnectOptions {
    return this.options(new MemoryDeviceStore(createDevice({ deviceId })));
  }

  /** Another device authority signs from the next start on. */
  changeAuthority(): void {
    this.#authority = deriveAuthorityKey(backend, new Uint8Array(32).fill(10));
  }

  async start(): Promise<void> {
    this.#running = await startParts(this.#directory, this.log, this.#authority, this.#port, this.#overrides);
    this.#port = this.#running.port;
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
    this.#running = undefined;
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** A server on a free port of this machine. `overrides`: `section.key=value`. */
export async function startTestServer(
  overrides: readonly string[] = [],
  log?: EventLog,
): Promise<TestServer> {
  const directory = mkdtempSync(join(tmpdir(), 'commucat-client-'));
  const identity = await ensureDevIdentity(directory, { clock: systemClock, random: systemRandom });
  const files = [`server.tls_cert=${identity.certFile}`, `server.tls_key=${identity.keyFile}`];
  const server = new TestServer(directory, readFileSync(identity.caFile), [...files, ...overrides], log);
  await server.start();
  return server;
}

async function startParts(
  workingDirectory: string,
  log: EventLog,
  authority: ReturnType<typeof deriveAuthorityKey>,
  port: number,
  overrides: readonly string[],
): Promise<RunningParts> {
  const config = loadConfig({
    env: {},
    workingDirectory,
    overrides: [
      `server.bind=127.0.0.1:${port}`,
      `server.domain=${DOMAIN}`,
      'security.rate_limit.connect_burst=1000000',
      'security.rate_limit.http_burst=1000000',
      ...overrides,
    ],
  });
  const [logger, metrics, links] = [createLogger({ level: 'silent' }), createMetrics(), new LinkTable()];
  const relay = await createRelay({
    log,
    clock: systemClock,
    random: systemRandom,
    backend,
    authoritySeed: authority.privateKey,
    links,
    presence: new MemoryPresence(systemClock, 60),
    events: meterRelay(metrics, logger),
    accounts: {
      autoApprove: config.server.autoApproveDevices,
      maxAutoDevices: 0,
      domain: DOMAIN,
      profileChangesPerHour: 20,
    },
    channels: {
      reach: config.channels.reach,
      openRooms: config.channels.openRooms,
      channelsPerDevice: 100,
      membersPerChannel: 100,
      listingsPerDevice: 1000,
      listingBytes: 67_108_864,
      idleAfter: 60_000,
    },
    limits: {
      outbox: { window: 256, page: 128, backlogBytes: config.limits.sessionBacklogBytes + 1 },
      mailbox: { frames: 10_000, bytes: 67_108_864 },
      relayTtl: 3600,
      presenceTtl: 60,
      presenceFanout: { members: 256, interval: 500 },
      cursorInterval: 20,
      expiryInterval: 60_000,
      waitingBytes: 4 * config.limits.maxFrame,
      calls: { perDevice: 32, perChannel: 64, participants: 10_000 },
      changes: { burst: 4_194_304, perSecond: 32_768 },
      office: { collected: 1_048_576, collectedPerDevice: 1_048_576 },
    },
  });
  const key = { version: 1, keyPair: NOISE_KEY, validAfter: 0, rotatesAt: 1e14, expiresAt: 1e14 };
  const gateway = new Gateway({
    config,
    links,
    relay: relay.relay,
    backend,
    keyring: { active: () => [key] },
    authorityPublic: authority.publicKey,
    clock: systemClock,
    random: systemRandom,
    logger,
    metrics,
    limiters: rateLimiters(config, systemClock, metrics),
    ready: async () => log.healthy,
    version: '1.2.3',
  });
  const bound = await gateway.listen();
  const stop = async (): Promise<void> => {
    await gateway.close(100);
    await relay[Symbol.asyncDispose]();
  };
  return { port: bound.port, stop };
}
