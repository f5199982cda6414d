import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { RelayPort } from '../actors/relay-port.ts';
import { addressOf, type Config } from '../config/index.ts';
import { ByteArena } from '../protocol/byte-arena.ts';
import { utf8 } from '../protocol/bytes.ts';
import type { CryptoBackend } from '../protocol/crypto-backend.ts';
import type { CancelTimer, Clock, Random } from '../protocol/ports.ts';
import type { Logger, Metrics } from '../telemetry/index.ts';
import type { GatewayContext } from './context.ts';
import { Doorman } from './doorman.ts';
import { GatewayCounters } from './gateway-counters.ts';
import { HttpRoutes } from './http-routes.ts';
import { Http1Door } from './http1-door.ts';
import { Http2Door } from './http2-door.ts';
import type { LinkTable } from './link-table.ts';
import type { NoiseKeyring } from './noise-keys.ts';
import { createPeerTag } from './peer-tag.ts';
import type { RateLimiter } from './rate-limiter.ts';
import { serverInfo } from './server-info.ts';

/** Time for the TLS handshake, in milliseconds. */
const TLS_HANDSHAKE_MS = 10_000;
/** Idle time before the operating system asks a peer for a sign of life, in milliseconds. */
const TCP_KEEPALIVE_MS = 60_000;
/** How often links are asked about their deadlines: so many times within `limits.write_stall_ms`. */
const TICKS_PER_STALL = 8;
const SHORTEST_TICK_MS = 25;
/** Blocks of decrypted bytes; a view of one keeps the whole block, so they are not larger than they must be. */
const ARENA_BLOCK = 262_144;

export interface GatewayOptions {
  readonly config: Config;
  /** Given to the relay as its LinkPort. */
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
  readonly limiters: { readonly connect: RateLimiter; readonly http: RateLimiter };
  /** Whether everything that the server needs is up: `/readyz`. */
  readonly ready: () => Promise<boolean>;
  /** Of this software: `/healthz`. */
  readonly version: string;
}

/** The listener with everything behind it up to the relay. */
export class Gateway {
  readonly #options: GatewayOptions;
  readonly #context: GatewayContext;
  readonly #doorman: Doorman;
  readonly #http2: Http2Door;
  readonly #http1: Http1Door;
  readonly #sockets = new Set<TLSSocket>();
  #server: Server | undefined;
  #cancelTick: CancelTimer | undefined;
  #drained: (() => void) | undefined;

  constructor(options: GatewayOptions) {
    const { clock, limiters } = options;
    this.#options = options;
    this.#context = contextOf(options);
    const { counters } = this.#context;
    this.#doorman = new Doorman({
      limiter: limiters.connect,
      onLimited: () => counters.limitedHandshakes.add(),
    });
    const startedAt = clock.monotonic();
    const routes = new HttpRoutes({
      limiter: limiters.http,
      onLimited: () => counters.limitedRequests.add(),
      metrics: options.metrics,
      ready: options.ready,
      serverInfo: () => serverInfo(options.config, options.keyring, options.authorityPublic),
      version: options.version,
      uptimeSeconds: () => (clock.monotonic() - startedAt) / 1000,
      connections: () => options.links.size,
      onError: (error) => options.logger.error({ err: error }, 'request failed'),
    });
    this.#http2 = new Http2Door(this.#context, this.#doorman, routes);
    this.#http1 = new Http1Door(this.#context, this.#doorman, routes);
  }

  /**
   * Opens the listener of `server.bind`. Resolves with the address that it got; rejects when the certificate cannot be
   * read or the address is taken.
   */
  async listen(): Promise<{ readonly host: string; readonly port: number }> {
    const { bind, tlsCert, tlsKey } = this.#options.config.server;
    const [cert, key] = await Promise.all([readFile(tlsCert), readFile(tlsKey)]);
    const server = createServer({
      cert,
      key,
      minVersion: 'TLSv1.3',
      ALPNProtocols: ['h2', 'http/1.1'],
      handshakeTimeout: TLS_HANDSHAKE_MS,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: TCP_KEEPALIVE_MS,
    });
    this.#server = server;
    server.on('secureConnection', (socket) => this.#accept(socket));
    server.on('tlsClientError', (error) => {
      this.#options.logger.debug({ err: error }, 'TLS handshake failed');
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(addressOf(bind), () => {
        server.off('error', reject);
        resolve();
      });
    });
    server.on('error', (error) => this.#options.logger.error({ err: error }, 'listener failed'));
    this.#tick();
    const { address, port } = server.address() as AddressInfo;
    return { host: address, port };
  }

  /**
   * Stops accepting, tells every session, lets them take what is queued for at most `deadlineMs`, then cuts the rest off.
   */
  async close(deadlineMs: number): Promise<void> {
    this.#cancelTick?.();
    this.#doorman.stop();
    this.#server?.close();
    for (const endpoint of this.#options.links.endpoints()) endpoint.shutDown();
    this.#http2.stop();
    this.#http1.stop();
    await new Promise<void>((resolve) => {
      const cancel = this.#options.clock.after(deadlineMs, resolve);
      this.#drained = () => {
        cancel();
        resolve();
      };
      if (this.#sockets.size === 0) this.#drained();
    });
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: TLSSocket): void {
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      if (this.#sockets.size === 0) this.#drained?.();
    });
    // A client without ALPN gets HTTP/1.1. PROTOCOL.md 2.1.
    if (socket.alpnProtocol === 'h2') this.#http2.accept(socket);
    else this.#http1.accept(socket);
  }

  #tick(): void {
    const { clock, limits, links } = this.#context;
    const period = Math.max(SHORTEST_TICK_MS, limits.writeStallMs / TICKS_PER_STALL);
    this.#cancelTick = clock.after(period, () => {
      const now = clock.monotonic();
      for (const endpoint of links.endpoints()) endpoint.tick(now);
      this.#tick();
    });
  }
}

function contextOf(options: GatewayOptions): GatewayContext {
  const { backend, clock, config, keyring, links, logger, metrics, random, relay } = options;
  return {
    relay,
    links,
    clock,
    logger,
    counters: new GatewayCounters(metrics),
    arena: new ByteArena(ARENA_BLOCK),
    peerTag: createPeerTag(backend, random),
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
    },
  };
}
