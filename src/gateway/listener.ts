import { readFile } from 'node:fs/promises';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Config } from '../config/index.ts';
import { addressOf } from '../config/index.ts';
import type { CountedLimit } from '../limits/index.ts';
import type { Clock } from '../protocol/ports.ts';
import type { Logger } from '../telemetry/index.ts';
import type { ConnectionGuard } from './connection-guard.ts';

/** Idle time before the operating system asks a peer for a sign of life, in milliseconds. */
const TCP_KEEPALIVE_MS = 60_000;

export interface ListenerParts {
  readonly server: Pick<Config['server'], 'bind' | 'tlsCert' | 'tlsKey'>;
  readonly limits: Pick<Config['limits'], 'tlsHandshakeMs'>;
  readonly guard: ConnectionGuard;
  readonly reached: (limit: CountedLimit) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Takes a connection whose TLS handshake is done. */
  readonly onSocket: (socket: TLSSocket) => void;
}

/** The one TCP port: TLS 1.3, and ALPN that offers h2 before http/1.1. PROTOCOL.md 2.1. */
export class Listener {
  readonly #parts: ListenerParts;
  /** Every TCP connection, also those whose TLS handshake is not done. */
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #drained: (() => void) | undefined;

  constructor(parts: ListenerParts) {
    this.#parts = parts;
  }

  /** Rejects when the certificate cannot be read or used, or the address is taken. */
  async listen(): Promise<{ readonly host: string; readonly port: number }> {
    const { bind, tlsCert, tlsKey } = this.#parts.server;
    const [cert, key] = await Promise.all([readFile(tlsCert), readFile(tlsKey)]);
    const server = createServer({
      cert,
      key,
      minVersion: 'TLSv1.3',
      ALPNProtocols: ['h2', 'http/1.1'],
      handshakeTimeout: this.#parts.limits.tlsHandshakeMs,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: TCP_KEEPALIVE_MS,
    });
    server.on('connection', (socket: Socket) => this.#track(socket));
    server.on('secureConnection', this.#parts.onSocket);
    server.on('tlsClientError', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT') this.#parts.reached('tlsHandshakeMs');
      this.#parts.logger.debug({ err: error }, 'TLS handshake failed');
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(addressOf(bind), () => {
        server.off('error', reject);
        resolve();
      });
    });
    server.on('error', (error) => this.#parts.logger.error({ err: error }, 'listener failed'));
    this.#server = server;
    const { address, port } = server.address() as AddressInfo;
    return { host: address, port };
  }

  /** Accepts no more connections; those that exist go on. */
  stop(): void {
    this.#server?.close();
  }

  /** Resolves when the last connection is gone, after `deadlineMs` by cutting off what is left. */
  async drain(deadlineMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const cancel = this.#parts.clock.after(deadlineMs, resolve);
      this.#drained = () => {
        cancel();
        resolve();
      };
      if (this.#sockets.size === 0) this.#drained();
    });
    for (const socket of this.#sockets) socket.destroy();
  }

  #track(socket: Socket): void {
    if (!this.#parts.guard.admit(socket)) return;
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      if (this.#sockets.size === 0) this.#drained?.();
    });
  }
}
