import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Config } from '../../config/index.ts';
import type { CountedLimit } from '../../limits/index.ts';
import type { Clock } from '../../ports/ports.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';
import { RefusalLog } from '../admission/refusal-log.ts';
import { CertificateKeeper } from './certificate-keeper.ts';
import type { HttpVersion } from './http-preface.ts';
import { listenOptions } from './listen-options.ts';
import type { Proxies } from './proxies.ts';
import { type ConnectionJudge, type ListenerName, Reception } from './reception.ts';
import { type BoundAddress, TcpPort } from './tcp-port.ts';
import { protocolOptions, type TlsIdentity } from './tls-identity.ts';

/** A connection that is ready for HTTP. */
export interface Arrival {
  readonly socket: Socket;
  readonly version: HttpVersion;
  /** Of the peer; behind a proxy with the PROXY protocol, of the proxy's peer. */
  readonly address: string;
}

export interface ListenerParts {
  readonly server: Pick<
    Config['server'],
    'bind' | 'plainBind' | 'tlsCert' | 'tlsKey' | 'tlsMinVersion' | 'workers'
  >;
  readonly limits: Pick<Config['limits'], 'tlsHandshakeMs' | 'openingMs'>;
  readonly proxies: Proxies;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Caps on connections. */
  readonly judge: ConnectionJudge;
  readonly reached: (limit: CountedLimit) => void;
  readonly onArrival: (arrival: Arrival) => void;
}

interface Arriving {
  readonly socket: Socket;
  /** Of the peer, or whom a proxy has named. */
  address: string;
}

export interface ListenerAddress extends BoundAddress {
  /** Of the listener without TLS, if there is one. */
  readonly plain?: BoundAddress;
}

/**
 * The TCP ports. One has TLS, and ALPN that offers h2 before http/1.1 (PROTOCOL.md 2.1); the other, for proxies that end
 * TLS, tells HTTP/2 and HTTP/1.1 apart by the first bytes. Both know the PROXY protocol.
 */
export class Listener {
  readonly #parts: ListenerParts;
  readonly #reception: Reception;
  readonly #refusals: RefusalLog;
  readonly #certificates: CertificateKeeper;
  /**
   * Connections that are not ready for HTTP yet, by their ends: TLS gives us another socket than it gets.
   */
  readonly #arriving = new Map<string, Arriving>();
  #ports: readonly TcpPort[] = [];
  #tls: Server | undefined;

  constructor(parts: ListenerParts) {
    this.#parts = parts;
    const { clock, judge, limits, logger, metrics, proxies, server } = parts;
    this.#refusals = new RefusalLog(clock, logger);
    this.#reception = new Reception({
      clock,
      limits,
      judge,
      proxies,
      onRefused: (listener, reason, error) => this.#refused(listener, reason, error),
    });
    this.#certificates = new CertificateKeeper({
      files: server,
      clock,
      logger,
      metrics,
      apply: (identity) => this.#tls?.setSecureContext(this.#secure(identity)),
    });
  }

  /** Rejects when the certificate cannot be read or used, or an address is taken. */
  async listen(): Promise<ListenerAddress> {
    const { bind, plainBind } = this.#parts.server;
    this.#tls = this.#createTls(await this.#certificates.start());
    const main = this.#port('tls', bind);
    const address = await main.listen();
    this.#ports = [main];
    if (plainBind === undefined) return address;
    const second = this.#port('plain', plainBind);
    const plain = await second.listen();
    this.#ports = [main, second];
    return { ...address, plain };
  }

  /** Reads the certificate again. Never rejects: what is wrong with it is logged, and the one in use stays. */
  reloadCertificate(): Promise<void> {
    return this.#certificates.reload();
  }

  /** Accepts no more connections. Those that are ready for HTTP go on; the others have asked for nothing yet, and end. */
  stop(): void {
    this.#certificates.stop();
    for (const port of this.#ports) port.stop();
    for (const { socket } of this.#arriving.values()) socket.destroy();
  }

  /** Resolves when the last connection is gone, after `deadlineMs` by cutting off what is left. */
  async drain(deadlineMs: number): Promise<void> {
    await Promise.all(this.#ports.map((port) => port.drain(deadlineMs)));
  }

  #port(name: ListenerName, bind: string): TcpPort {
    const { clock, logger, server } = this.#parts;
    return new TcpPort({
      address: listenOptions(bind, server.workers),
      clock,
      logger,
      onSocket: (socket) => this.#onSocket(name, socket),
    });
  }

  #onSocket(name: ListenerName, socket: Socket): void {
    const ends = endsOf(socket);
    const arriving: Arriving = { socket, address: socket.remoteAddress ?? '' };
    this.#arriving.set(ends, arriving);
    socket.once('close', () => {
      if (this.#arriving.get(ends) === arriving) this.#arriving.delete(ends);
    });
    this.#reception.receive(name, socket, (address) => {
      arriving.address = address;
      if (name === 'tls') this.#tls?.emit('connection', socket);
      else this.#reception.sniff(socket, (version) => this.#arrive(socket, version));
    });
  }

  #arrive(socket: Socket, version: HttpVersion): void {
    const ends = endsOf(socket);
    const arriving = this.#arriving.get(ends);
    // It ended in this very moment.
    if (arriving === undefined) {
      socket.destroy();
      return;
    }
    this.#arriving.delete(ends);
    this.#parts.onArrival({ socket, version, address: arriving.address });
  }

  #createTls(identity: TlsIdentity): Server {
    const server = createServer({
      ...this.#secure(identity),
      ALPNProtocols: ['h2', 'http/1.1'],
      handshakeTimeout: this.#parts.limits.tlsHandshakeMs,
    });
    server.on('secureConnection', (socket) => this.#onSecure(socket));
    server.on('tlsClientError', (error, socket) => {
      // Node.js reports a handshake that takes too long, and keeps the connection.
      socket.destroy();
      this.#tlsFailed(error);
    });
    return server;
  }

  #secure({ cert, key }: TlsIdentity) {
    return { ...protocolOptions(this.#parts.server.tlsMinVersion), cert, key };
  }

  #onSecure(socket: TLSSocket): void {
    // TLS 1.2 only: a cheap way to keep a server busy, and useless.
    socket.disableRenegotiation();
    // A client without ALPN gets HTTP/1.1. PROTOCOL.md 2.1.
    this.#arrive(socket, socket.alpnProtocol === 'h2' ? 'h2' : 'http/1.1');
  }

  #tlsFailed(error: Error): void {
    const reason = tlsRefusal(error);
    if (reason === 'tls_timeout') this.#parts.reached('tlsHandshakeMs');
    this.#refused('tls', reason, error);
  }

  #refused(listener: ListenerName, reason: string, error?: unknown): void {
    this.#parts.metrics.counter('commucat_connections_refused_total', { listener, reason }).add();
    this.#refusals.note(listener, reason, error);
  }
}

function endsOf({ remoteAddress, remotePort, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localPort}`;
}

/** What OpenSSL says to bytes that are no TLS. */
const NOT_TLS = new Set([
  'ERR_SSL_HTTP_REQUEST',
  'ERR_SSL_HTTPS_PROXY_REQUEST',
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
]);

function tlsRefusal(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (NOT_TLS.has(code)) return 'not_tls';
  if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return 'tls_timeout';
  return code === 'ECONNRESET' ? 'tls_closed' : 'tls_failed';
}
