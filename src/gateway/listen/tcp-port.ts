import { type AddressInfo, createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import type { Clock } from '../../ports/ports.ts';
import type { Logger } from '../../telemetry/index.ts';

/** Idle time before the operating system asks a peer for a sign of life, in milliseconds. */
const TCP_KEEPALIVE_MS = 60_000;

export interface TcpPortParts {
  readonly address: ListenOptions;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Takes a connection of which nothing has been read. */
  readonly onSocket: (socket: Socket) => void;
}

export interface BoundAddress {
  readonly host: string;
  readonly port: number;
}

/** Accepts TCP connections at one address, and knows them until they are gone. */
export class TcpPort {
  readonly #parts: TcpPortParts;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #drained: (() => void) | undefined;

  constructor(parts: TcpPortParts) {
    this.#parts = parts;
    const options = { noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE_MS };
    this.#server = createServer(options, (socket) => this.#onSocket(socket));
  }

  /** Rejects when the address is taken, or not this machine's. */
  async listen(): Promise<BoundAddress> {
    const server = this.#server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#parts.address, () => {
        server.off('error', reject);
        resolve();
      });
    });
    server.on('error', (error) => this.#parts.logger.error({ err: error }, 'listener failed'));
    const { address, port } = server.address() as AddressInfo;
    return { host: address, port };
  }

  /** Accepts no more connections; those that exist go on. */
  stop(): void {
    this.#server.close();
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

  #onSocket(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      if (this.#sockets.size === 0) this.#drained?.();
    });
    // A connection may fail while nobody reads it yet.
    socket.on('error', () => socket.destroy());
    this.#parts.onSocket(socket);
  }
}
