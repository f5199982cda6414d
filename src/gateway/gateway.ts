import type { Config } from '../config/index.ts';
import type { NoiseKeyring } from '../keys/index.ts';
import type { CancelTimer, Clock, Random } from '../ports/ports.ts';
import { ByteArena } from '../protocol/byte-arena.ts';
import { utf8 } from '../protocol/bytes.ts';
import type { CryptoBackend } from '../protocol/crypto-backend.ts';
import type { RelayPort } from '../relay-port/relay-port.ts';
import { type Logger, type Metrics, NAME_KEY_BYTES, NameTags } from '../telemetry/index.ts';
import { ConnectAdmission, type ConnectLimiters } from './admission/admission.ts';
import { ConnectionGuard } from './admission/connection-guard.ts';
import { PartialInput } from './admission/partial-input.ts';
import { createPeerTag, PEER_SALT_BYTES } from './admission/peer-tag.ts';
import type { RateLimiter } from './admission/rate-limiter.ts';
import { SharedStreams } from './admission/shared-streams.ts';
import { Tickets, ticketSecret } from './admission/tickets.ts';
import { Doorman } from './http/doorman.ts';
import { HttpRoutes } from './http/http-routes.ts';
import { Http1Door } from './http/http1-door.ts';
import { Http2Door } from './http/http2-door.ts';
import type { HttpAnswer } from './http/problem.ts';
import { serverInfo } from './http/server-info.ts';
import { Listener, type ListenerAddress } from './listen/listener.ts';
import { Proxies } from './listen/proxies.ts';
import type { GatewayContext } from './sessions/context.ts';
import { GatewayCounters } from './sessions/gateway-counters.ts';
import { keepaliveInterval } from './sessions/keepalive-interval.ts';
import type { LinkTable } from './sessions/link-table.ts';

/** How often links are asked about their deadlines: so many times within `limits.write_stall_ms`, within bounds. */
const TICKS_PER_STALL = 8;
const SHORTEST_TICK_MS = 25;
/** Keepalives are not later than this. */
const LONGEST_TICK_MS = 1000;
/** Blocks of decrypted bytes. A view of one keeps the whole block, so they are not larger than they must be. */
const ARENA_BLOCK = 262_144;

export interface GatewayOptions {
  readonly config: Config;
  /** Given to the relay as its LinkPort, before the gateway exists. */
  readonly links: LinkTable;
  readonly relay: RelayPort;
  readonly backend: CryptoBackend;
  readonly keyring: NoiseKeyring;
  /** Ed25519 public key of the device CA, 32 bytes. */
  readonly authorityPublic: Uint8Array;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly limiters: ConnectLimiters & { readonly http: RateLimiter };
  /** Whether everything that the server needs is up: `/readyz`. */
  readonly ready: () => Promise<boolean>;
  /** Of this software, for `/healthz`. */
  readonly version: string;
  /** Sessions of the whole server, for `/healthz`. @default those of this gateway */
  readonly connections?: () => Promise<number>;
  /** Names devices and users in logs. @default a random one */
  readonly nameKey?: Uint8Array | undefined;
  /** Gateways with the same salt have the same names for peers in logs. @default a random one */
  readonly peerSalt?: Uint8Array;
  /** Documents to serve beside the server's own routes, by path. */
  readonly pages?: ReadonlyMap<string, HttpAnswer> | undefined;
}

/** Everything between the network and the relay. */
export class Gateway {
  readonly #context: GatewayContext;
  readonly #doorman: Doorman;
  readonly #http2: Http2Door;
  readonly #http1: Http1Door;
  readonly #listener: Listener;
  readonly #metrics: Metrics;
  #cancelTick: CancelTimer;
  #draining = false;

  constructor(options: GatewayOptions) {
    const { clock, config, limiters, logger, metrics } = options;
    const proxies = new Proxies(config.server);
    const context = contextOf(options, proxies);
    this.#context = context;
    this.#metrics = metrics;
    this.#doorman = new Doorman({
      admission: new ConnectAdmission({
        limiters,
        tickets: context.tickets,
        onTicket: (result) => context.counters.ticket(result),
      }),
      guard: context.guard,
      onLimited: () => context.counters.limitedHandshakes.add(),
    });
    const ready = async (): Promise<boolean> => !this.#draining && (await options.ready());
    const routes = routesOf({ ...options, ready }, context);
    this.#http2 = new Http2Door(context, this.#doorman, routes);
    this.#http1 = new Http1Door(context, this.#doorman, routes);
    this.#listener = new Listener({
      server: config.server,
      limits: config.limits,
      proxies,
      judge: context.guard,
      reached: (limit) => context.counters.limitReached(limit),
      clock,
      logger,
      metrics,
      onArrival: ({ address, socket, version }) => {
        if (version === 'h2') this.#http2.accept(socket, address);
        else this.#http1.accept(socket, address);
      },
    });
    this.#cancelTick = this.#scheduleTick();
  }

  /**
   * Opens the listeners; once. Resolves with the addresses that they got; rejects when the certificate cannot be read or an
   * address is taken.
   */
  listen(): Promise<ListenerAddress> {
    return this.#listener.listen();
  }

  /** Reads the TLS certificate again. Never rejects: what is wrong with it is logged, and the one in use stays. */
  reloadCertificate(): Promise<void> {
    return this.#listener.reloadCertificate();
  }

  /** The page of `/metrics`. */
  exposeMetrics(): Promise<string> {
    return this.#metrics.expose();
  }

  /** Says on `/readyz` from now on that traffic should go elsewhere; everything else goes on. */
  startDraining(): void {
    this.#draining = true;
  }

  /**
   * Stops accepting, tells every session, lets them take what is queued for at most `deadlineMs`, then cuts the rest off.
   */
  async close(deadlineMs: number): Promise<void> {
    this.startDraining();
    this.#cancelTick();
    this.#doorman.stop();
    this.#listener.stop();
    for (const endpoint of this.#context.links.endpoints()) endpoint.shutDown();
    this.#http2.stop();
    this.#http1.stop();
    await this.#listener.drain(deadlineMs);
  }

  #scheduleTick(): CancelTimer {
    const { clock, limits, links } = this.#context;
    const period = Math.min(
      LONGEST_TICK_MS,
      Math.max(SHORTEST_TICK_MS, limits.writeStallMs / TICKS_PER_STALL),
    );
    return clock.after(period, () => {
      const now = clock.monotonic();
      for (const endpoint of links.endpoints()) endpoint.tick(now);
      this.#cancelTick = this.#scheduleTick();
    });
  }
}

function contextOf(options: GatewayOptions, proxies: Proxies): GatewayContext {
  const { backend, clock, config, keyring, links, logger, metrics, random } = options;
  const counters = new GatewayCounters(metrics);
  return {
    relay: options.relay,
    links,
    clock,
    logger,
    counters,
    bounds: config.limits,
    guard: new ConnectionGuard({
      limits: config.limits,
      reached: (limit) => counters.limitReached(limit),
      isProxy: (address) => proxies.has(address),
    }),
    tickets: new Tickets({
      clock,
      secrets: () => keyring.active().map(({ keyPair }) => ticketSecret(keyPair.privateKey)),
    }),
    partials: new PartialInput(config.limits.partialInputBytes, () =>
      counters.limitReached('partialInputBytes'),
    ),
    arena: new ByteArena(ARENA_BLOCK),
    namesClients: (peer) => proxies.namesClients(peer),
    sharedStreams: new SharedStreams({
      clock,
      limits: config.limits,
      reached: (limit) => counters.limitReached(limit),
      isProxy: (address) => proxies.has(address),
    }),
    clientAddress: (peer, headers) => proxies.clientOf(peer, headers),
    names: new NameTags(options.nameKey ?? random.bytes(NAME_KEY_BYTES)),
    peerTag: createPeerTag(options.peerSalt ?? random.bytes(PEER_SALT_BYTES)),
    identity: {
      backend,
      random,
      keyring,
      domain: config.server.domain,
      prologue: utf8(config.crypto.prologue),
      keepalive: config.server.keepalive,
      plaintextClients: config.compat.plaintextClients,
    },
    limits: {
      handshakeTimeoutMs: config.server.handshakeTimeoutMs,
      maxFrame: config.limits.maxFrame,
      sessionBacklogBytes: config.limits.sessionBacklogBytes,
      writeStallMs: config.limits.writeStallMs,
      keepaliveMs: 1000 * keepaliveInterval(config.server.keepalive),
    },
  };
}

function routesOf(options: GatewayOptions, { counters, links }: GatewayContext): HttpRoutes {
  const { authorityPublic, clock, config, keyring, limiters, logger, metrics, ready, version } = options;
  const startedAt = clock.monotonic();
  return new HttpRoutes({
    limiter: limiters.http,
    onLimited: () => counters.limitedRequests.add(),
    metrics,
    ready,
    serverInfo: () => serverInfo(config, keyring, authorityPublic),
    version,
    uptimeSeconds: () => (clock.monotonic() - startedAt) / 1000,
    connections: options.connections ?? (async () => links.size),
    onError: (error) => logger.error({ err: error }, 'request failed'),
    pages: options.pages ?? new Map(),
  });
}
