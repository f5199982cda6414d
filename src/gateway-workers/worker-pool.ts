import { MessageChannel } from 'node:worker_threads';
import { addressOf, type Config } from '../config/index.ts';
import { type ListenerAddress, PEER_SALT_BYTES } from '../gateway/index.ts';
import type { CancelTimer, Clock, Random } from '../ports/ports.ts';
import type { RelayPort, SessionNumber } from '../relay-port/relay-port.ts';
import { type Logger, type Metrics, type MetricsSnapshot, sumOfCounts } from '../telemetry/index.ts';
import { requireFreeAddresses } from './address-probe.ts';
import { GatewayWorker } from './gateway-worker.ts';
import type { WorkerSetup } from './messages.ts';
import type { RemoteLinks } from './remote-links.ts';
import { workerShare } from './worker-share.ts';

/** A worker that died is started again after the first delay; each further death doubles it. */
const FIRST_RESTART_MS = 100;
const LAST_RESTART_MS = 30_000;
/** A worker that lived so long had no trouble starting. */
const STABLE_MS = 60_000;
/** What a thread may take beyond the deadline of its sessions. */
const CLOSE_GRACE_MS = 2_000;

type Shared = Pick<WorkerSetup, 'keys' | 'authorityPublic' | 'version' | 'pages'>;

export interface WorkerPoolOptions extends Shared {
  /** `server.workers` is 1 or more. */
  readonly config: Config;
  /** Given to the relay as its LinkPort, before the pool exists. */
  readonly links: RemoteLinks;
  readonly relay: RelayPort;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly ready: () => Promise<boolean>;
  /** Names devices and users in logs. */
  readonly nameKey?: Uint8Array | undefined;
}

/** The place of one worker: who is in it changes when one dies. */
interface Slot {
  readonly index: number;
  worker: GatewayWorker | undefined;
  startedAt: number;
  restartMs: number;
  cancelRestart: CancelTimer | undefined;
  listens: boolean;
  /** What the worker had counted when it was last asked. */
  snapshot: MetricsSnapshot;
}

/** Gateways in threads of their own; to the rest of the server all of them together are one. */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #slots: readonly Slot[];
  readonly #peerSalt: Uint8Array;
  /** All that workers which are gone had counted. */
  #gone: Promise<MetricsSnapshot> = Promise.resolve([]);
  #config: Config;
  #draining = false;
  #closing = false;
  /** While the only worker is about to be started again, nothing else may keep the process running. */
  readonly #alive = new MessageChannel().port1;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    const { config, metrics, random } = options;
    this.#peerSalt = random.bytes(PEER_SALT_BYTES);
    this.#config = workerShare(config);
    this.#slots = Array.from({ length: config.server.workers }, (_, index) => ({
      index,
      worker: undefined,
      startedAt: 0,
      restartMs: FIRST_RESTART_MS,
      cancelRestart: undefined,
      listens: false,
      snapshot: [],
    }));
    this.#alive.ref();
    metrics.gaugeFrom('commucat_gateway_workers', () => this.#slots.filter(({ listens }) => listens).length);
    for (const slot of this.#slots) {
      const labels = { worker: String(slot.index) };
      metrics.gaugeFrom('commucat_gateway_worker_busy_ratio', () => slot.worker?.utilization ?? 0, labels);
      metrics.gaugeFrom('commucat_gateway_worker_pending_bytes', () => slot.worker?.pending ?? 0, labels);
    }
  }

  /**
   * Starts all workers. Resolves with the addresses that they share; rejects when one cannot listen.
   * @throws Error with the code EADDRINUSE when somebody else has an address
   */
  async listen(): Promise<ListenerAddress> {
    const [first, ...others] = this.#slots;
    if (first === undefined) throw new TypeError('a pool has at least one worker');
    await requireFreeAddresses(this.#config.server);
    const address = await this.#start(first, 1 + first.index).listening;
    // Port 0 is any free one for the first, and that one for the others.
    this.#config = boundTo(this.#config, address);
    await Promise.all(others.map((slot) => this.#start(slot, 1 + slot.index).listening));
    return address;
  }

  /** Says on `/readyz` from now on that traffic should go elsewhere; everything else goes on. */
  startDraining(): void {
    this.#draining = true;
  }

  /** Each worker reads the TLS certificate again. */
  async reloadCertificate(): Promise<void> {
    for (const { worker } of this.#slots) worker?.reloadCertificate();
  }

  /**
   * Stops accepting, tells every session, lets them take what is queued for at most `deadlineMs`, then ends the threads.
   */
  async close(deadlineMs: number): Promise<void> {
    this.startDraining();
    this.#closing = true;
    for (const slot of this.#slots) slot.cancelRestart?.();
    await Promise.all(this.#slots.map(({ worker }) => worker?.close(deadlineMs, CLOSE_GRACE_MS)));
    this.#alive.close();
  }

  #start(slot: Slot, firstSession: SessionNumber): GatewayWorker {
    const { authorityPublic, clock, keys, links, logger, nameKey, pages, relay, version } = this.#options;
    const name = `gateway-${slot.index}`;
    const worker = new GatewayWorker({
      name,
      setup: {
        config: this.#config,
        keys,
        authorityPublic,
        version,
        pages,
        firstSession,
        sessionStep: this.#slots.length,
        peerSalt: this.#peerSalt,
        nameKey,
      },
      relay,
      links,
      clock,
      logger: logger.child({ worker: slot.index }),
      server: { ready: () => this.#ready(), metrics: () => this.exposeMetrics() },
      onExit: (error) => this.#onExit(slot, worker, error),
    });
    slot.worker = worker;
    slot.startedAt = clock.monotonic();
    worker.listening.then(
      () => {
        slot.listens = true;
      },
      // Without a listener it is of no use; its end is what makes another one start.
      () => worker.kill(),
    );
    return worker;
  }

  #onExit(slot: Slot, worker: GatewayWorker, error: Error | undefined): void {
    const { clock, logger, metrics } = this.#options;
    slot.worker = undefined;
    slot.listens = false;
    const counted = slot.snapshot;
    slot.snapshot = [];
    this.#gone = this.#gone.then((gone) => sumOfCounts([gone, counted]));
    if (this.#closing) return;
    const lived = clock.monotonic() - slot.startedAt;
    if (lived >= STABLE_MS) slot.restartMs = FIRST_RESTART_MS;
    metrics.counter('commucat_gateway_workers_died_total').add();
    logger.error(
      { err: error, worker: slot.index, restartMs: slot.restartMs },
      'a gateway worker has died; its sessions are closed',
    );
    slot.cancelRestart = clock.after(slot.restartMs, () => this.#start(slot, worker.nextSession));
    slot.restartMs = Math.min(LAST_RESTART_MS, 2 * slot.restartMs);
  }

  async #ready(): Promise<boolean> {
    return !this.#draining && (await this.#options.ready());
  }

  /** The page of `/metrics`, all threads together. */
  async exposeMetrics(): Promise<string> {
    await Promise.all(
      this.#slots.map(async (slot) => {
        const { worker } = slot;
        const snapshot = await worker?.snapshot().catch(() => undefined);
        if (snapshot !== undefined && slot.worker === worker) slot.snapshot = snapshot;
      }),
    );
    const gone = await this.#gone;
    return this.#options.metrics.expose([gone, ...this.#slots.map(({ snapshot }) => snapshot)]);
  }
}

/** The same configuration with the ports that were found for port 0. */
function boundTo(config: Config, { port, plain }: ListenerAddress): Config {
  const { bind, plainBind } = config.server;
  const server = { ...config.server, bind: withPort(bind, port) };
  return plain === undefined || plainBind === undefined
    ? { ...config, server }
    : { ...config, server: { ...server, plainBind: withPort(plainBind, plain.port) } };
}

function withPort(bind: string, port: number): string {
  const { host } = addressOf(bind);
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
