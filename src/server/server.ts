import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createRelay, type RunningRelay } from '../actors/create-relay.ts';
import { meterRelay } from '../actors/relay-metrics.ts';
import type { Config } from '../config/index.ts';
import { sodiumBackend } from '../crypto/index.ts';
import {
  type CreateGatewayOptions,
  createGateway,
  type Gateway,
  type HttpAnswer,
  LinkTable,
  readTlsIdentity,
} from '../gateway/index.ts';
import { RemoteLinks, WorkerPool } from '../gateway-workers/index.ts';
import { ensureSecretFile, type NoiseKey } from '../keys/index.ts';
import { LIMIT_TABLE } from '../limits/index.ts';
import type { EventLog } from '../log/event-log.ts';
import type { LogObserver } from '../log/log-observer.ts';
import { openSegmentLog } from '../log/segments/open-segment-log.ts';
import { recordHistory } from '../log/segments/upkeep/record-history.ts';
import { openControlSocket } from '../operator/control-socket.ts';
import { openOperatorListener } from '../operator/operator-listener.ts';
import { MemoryPresence } from '../presence/index.ts';
import { ReadModels } from '../projections/index.ts';
import { toHex } from '../protocol/bytes.ts';
import type { LinkPort } from '../relay-port/relay-port.ts';
import { systemClock, systemRandom } from '../system/index.ts';
import {
  createMetrics,
  type Logger,
  type LogOutput,
  type Metrics,
  NAME_KEY_BYTES,
  NAME_KEY_FILE,
} from '../telemetry/index.ts';
import { Closers } from './closers.ts';
import { loadServerKeys } from './server-keys.ts';
import { VERSION } from './version.ts';

/** Milliseconds between writes of changed mailbox counters; a crash costs at most this much redelivery. */
const CURSOR_INTERVAL = 500;
/** Milliseconds between searches for expired letters. */
const EXPIRY_INTERVAL = 60_000;
/** Letters read from the log at a time when a device comes back. */
const PAGE = 128;
/** Milliseconds after which an idle channel or call actor is dropped. */
const ACTOR_IDLE = 300_000;
/**
 * Milliseconds for the end of each part; the gateway's are on top of its configured ones. What waits for a disk or a
 * database may never end, and must not keep the others from ending.
 */
const CLOSING = { gateway: 5_000, control: 5_000, relay: 10_000, readModels: 15_000, log: 10_000 } as const;
const BACKEND = sodiumBackend;

export interface ServerOptions {
  readonly config: Config;
  readonly logger: Logger;
  /** Where the logger writes, for the count of what was lost. */
  readonly logOutput?: LogOutput | undefined;
  /** Documents to serve beside the server's own routes, by path. */
  readonly pages?: ReadonlyMap<string, HttpAnswer> | undefined;
  /** Ends the start; what has been opened is closed, and the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Another process writes the log now: nothing is acknowledged any more, and the process should end at once. */
  readonly onLogLost?: ((error: Error) => void) | undefined;
}

export interface Server extends AsyncDisposable {
  /** Where the listener is bound. */
  readonly host: string;
  readonly port: number;
  /** Where the listener without TLS is bound, if there is one. */
  readonly plain: { readonly host: string; readonly port: number } | undefined;
  /** Where the listener for operators is bound, if there is one. */
  readonly operator: { readonly host: string; readonly port: number } | undefined;
  /** Reads the TLS certificate again. Never rejects: what is wrong with it is logged, and the one in use stays. */
  reloadCertificate(): Promise<void>;
  /** X25519 public key that clients pin, hex. */
  readonly noisePublic: string;
  readonly relay: RunningRelay;
  readonly log: EventLog;
  readonly readModels: ReadModels;
}

/**
 * Builds every adapter, wires the ports and listens. Disposing turns `/readyz` away for `server.drain_delay_ms`, stops
 * accepting, lets sessions take what is queued for at most `server.shutdown_timeout_ms`, and closes the log last.
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const closers = new Closers(options.logger);
  try {
    const server = await build(options, closers);
    return { ...server, [Symbol.asyncDispose]: () => closeInOrder(closers) };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

/** @throws Error that names the parts which failed to end or took too long; all others have ended */
async function closeInOrder(closers: Closers): Promise<void> {
  const left = await closers.close();
  if (left.length > 0) throw new Error(`not everything ended in order: ${left.join(', ')}`);
}

async function build(
  { config, logger, logOutput, pages, signal, onLogLost }: ServerOptions,
  closers: Closers,
): Promise<Omit<Server, keyof AsyncDisposable>> {
  const metrics = createMetrics({ processMetrics: true });
  metrics.counterFrom('commucat_log_lines_lost_total', () => logOutput?.lost ?? 0);
  // Before anything is created: what cannot be used ends the start.
  await readTlsIdentity(config.server);
  await mkdir(config.storage.dataDir, { recursive: true, mode: 0o700 });
  const log = await openSegmentLog({
    directory: join(config.storage.dataDir, 'log'),
    clock: systemClock,
    logger,
    segmentSize: config.log.segmentBytes,
    observer: meterLog(metrics),
    ...(onLogLost === undefined ? {} : { onLost: onLogLost }),
  });
  closers.push('log', CLOSING.log, () => log[Symbol.asyncDispose]());
  signal?.throwIfAborted();
  await recordHistory(log, systemClock, { cause: log.history.cause, newestAt: log.newestAt });
  const { noise: keys, authority } = await loadServerKeys({
    config,
    log,
    backend: BACKEND,
    clock: systemClock,
    random: systemRandom,
  });
  const readModels = new ReadModels({
    config,
    log,
    clock: systemClock,
    random: systemRandom,
    logger,
    metrics,
  });
  closers.push('read models', CLOSING.readModels, () => readModels[Symbol.asyncDispose]());
  const { links, create } = gatewayOf(config);
  const relay = await startRelay(config, log, links, authority.privateKey, meterRelay(metrics, logger));
  closers.push('relay', CLOSING.relay, () => relay[Symbol.asyncDispose]());
  log.retire((stream, position) => position < readModels.seen && relay.isOver(stream));
  signal?.throwIfAborted();
  const { dataDir } = config.storage;
  const control = await openControlSocket({ dataDir, accounts: relay.accounts, logger });
  closers.push('control socket', CLOSING.control, () => control[Symbol.asyncDispose]());
  const gateway = create({
    config,
    relay: relay.relay,
    backend: BACKEND,
    keys,
    authorityPublic: authority.publicKey,
    clock: systemClock,
    random: systemRandom,
    logger,
    metrics,
    ready: async () => log.healthy,
    version: VERSION,
    nameKey: ensureSecretFile(join(dataDir, NAME_KEY_FILE), NAME_KEY_BYTES, systemRandom),
    pages,
  });
  meterServer(metrics, log, relay);
  const startedAt = systemClock.monotonic();
  let accepts = false;
  const operator = await openOperatorListener({
    server: config.server,
    logger,
    metrics: { contentType: metrics.contentType, expose: () => gateway.exposeMetrics() },
    ready: async () => accepts && log.healthy,
    version: VERSION,
    uptimeSeconds: () => (systemClock.monotonic() - startedAt) / 1000,
    connections: async () => relay.figures().sessions,
  });
  closers.push('listener for operators', CLOSING.control, () => operator[Symbol.asyncDispose]());
  const { drainDelayMs, shutdownTimeoutMs } = config.server;
  closers.push('gateway', shutdownTimeoutMs + CLOSING.gateway, () => gateway.close(shutdownTimeoutMs));
  signal?.throwIfAborted();
  const { host, port, plain } = await gateway.listen();
  accepts = true;
  closers.push('draining', drainDelayMs + CLOSING.gateway, () => {
    accepts = false;
    return drain(gateway, drainDelayMs);
  });
  readModels.start();
  return {
    host,
    port,
    plain,
    operator: operator.address,
    noisePublic: toHex(newest(keys).keyPair.publicKey),
    relay,
    log,
    readModels,
    reloadCertificate: () => gateway.reloadCertificate(),
  };
}

type RunningGateway = Pick<
  Gateway,
  'listen' | 'startDraining' | 'reloadCertificate' | 'close' | 'exposeMetrics'
>;

/** The gateway in this thread or in `server.workers` others, and the links that the relay has to it. */
function gatewayOf(config: Config): {
  readonly links: LinkPort;
  readonly create: (options: Omit<CreateGatewayOptions, 'links'>) => RunningGateway;
} {
  if (config.server.workers === 0) {
    const links = new LinkTable();
    return { links, create: (options) => createGateway({ ...options, links }) };
  }
  const links = new RemoteLinks(fullLink(config));
  return { links, create: (options) => new WorkerPool({ pages: undefined, ...options, links }) };
}

/** Bytes. The link says `writable` when it comes back from above its limit: the outbox waits exactly then. */
function fullLink({ limits }: Config): number {
  return limits.sessionBacklogBytes + 1;
}

/** Load balancers look at `/readyz`; the server goes on until they have. */
function drain(gateway: { startDraining(): void }, delayMs: number): Promise<void> {
  gateway.startDraining();
  return new Promise((resolve) => {
    if (delayMs === 0) resolve();
    else systemClock.after(delayMs, resolve);
  });
}

function startRelay(
  config: Config,
  log: EventLog,
  links: LinkPort,
  authoritySeed: Uint8Array,
  events: ReturnType<typeof meterRelay>,
): Promise<RunningRelay> {
  const { server, channels, limits } = config;
  return createRelay({
    log,
    clock: systemClock,
    random: systemRandom,
    backend: BACKEND,
    authoritySeed,
    links,
    presence: new MemoryPresence(systemClock, limits.presenceTtl),
    events,
    accounts: {
      autoApprove: server.autoApproveDevices,
      maxAutoDevices: server.maxAutoDevicesPerUser,
      domain: server.domain,
      profileChangesPerHour: limits.profileChanges,
    },
    channels: {
      reach: channels.reach,
      openRooms: channels.openRooms,
      channelsPerDevice: limits.channelsPerDevice,
      membersPerChannel: limits.membersPerChannel,
      listingsPerDevice: limits.listingsPerDevice,
      listingBytes: limits.listingBytes,
      idleAfter: ACTOR_IDLE,
    },
    limits: {
      outbox: { window: limits.mailboxWindow, page: PAGE, backlogBytes: fullLink(config) },
      mailbox: { frames: limits.mailboxFrames, bytes: limits.mailboxBytes },
      relayTtl: limits.relayTtl,
      presenceTtl: limits.presenceTtl,
      presenceFanout: { members: limits.presenceMembers, interval: limits.presenceIntervalMs },
      cursorInterval: CURSOR_INTERVAL,
      expiryInterval: EXPIRY_INTERVAL,
      waitingBytes: LIMIT_TABLE.waitingFrames.value * limits.maxFrame,
      calls: {
        perDevice: limits.callsPerDevice,
        perChannel: limits.callsPerChannel,
        participants: limits.callParticipants,
      },
      changes: { burst: limits.changeBurstBytes, perSecond: limits.changeBytesPerSecond },
      office: {
        collected: LIMIT_TABLE.collectedBytes.value,
        collectedPerDevice: LIMIT_TABLE.collectedBytesPerDevice.value,
      },
    },
  });
}

function newest(keys: readonly NoiseKey[]): NoiseKey {
  const [key] = keys;
  if (key === undefined) throw new TypeError('a server has at least one Noise key');
  return key;
}

function meterLog(metrics: Metrics): LogObserver {
  const events = metrics.histogram('commucat_log_flush_events');
  const duration = metrics.histogram('commucat_log_flush_seconds');
  return {
    flushed(records, seconds) {
      events.observe(records);
      duration.observe(seconds);
    },
    refused: (appends, reason) =>
      metrics.counter('commucat_log_append_failures_total', { reason }).add(appends),
    indexRebuilt: (reason) => metrics.counter('commucat_log_index_rebuilt_total', { reason }).add(1),
  };
}

function meterServer(metrics: Metrics, log: EventLog, relay: RunningRelay): void {
  metrics.gaugeFrom('commucat_log_healthy', () => (log.healthy ? 1 : 0));
  metrics.gaugeFrom('commucat_log_head_position', () => log.headPosition);
  metrics.gaugeFrom('commucat_actors_active', () => relay.figures().sessions, { kind: 'session' });
  metrics.gaugeFrom('commucat_actors_active', () => relay.figures().channelActors, { kind: 'channel' });
  metrics.gaugeFrom('commucat_actors_active', () => relay.figures().groupActors, { kind: 'group' });
  metrics.gaugeFrom('commucat_actors_active', () => relay.figures().callActors, { kind: 'call' });
  metrics.gaugeFrom('commucat_channels_open', () => relay.figures().channels, { kind: 'ad_hoc' });
  metrics.gaugeFrom('commucat_channels_open', () => relay.figures().groups, { kind: 'group' });
  metrics.gaugeFrom('commucat_calls_active', () => relay.figures().runningCalls);
}
