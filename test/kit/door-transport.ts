import type { Transport, TransportConnection, TransportReceiver } from '../../src/client/index.ts';
import { ClientError } from '../../src/client/index.ts';
import type { Door, DoorAddress, DoorStream } from './doors.ts';

/** The client SDK through any of the doors, with connections that a test can break. */
export class DoorTransport implements Transport {
  readonly #doorOf: () => Door;
  readonly #server: DoorAddress;
  readonly #streams = new Set<DoorStream>();
  /** Connections so far. */
  opened = 0;
  /** When the last byte came, by `performance.now()`. */
  heardAt = 0;

  /** `door`: one for good, or asked for anew at each connection. */
  constructor(door: Door | (() => Door), server: DoorAddress) {
    this.#doorOf = typeof door === 'function' ? door : () => door;
    this.#server = server;
  }

  /** Breaks every connection without a goodbye. */
  breakAll(): void {
    for (const stream of this.#streams) stream.destroy(new Error('the network is gone'));
  }

  open(receiver: TransportReceiver, signal: AbortSignal): Promise<TransportConnection> {
    if (signal.aborted) return Promise.reject(new ClientError('CLIENT_ABORTED', 'connecting was aborted'));
    const stream = this.#doorOf().open(this.#server);
    this.opened += 1;
    this.#streams.add(stream);
    let isOpen = true;
    const finish = (error?: Error): void => {
      this.#streams.delete(stream);
      if (!isOpen) return;
      isOpen = false;
      receiver.closed(error);
    };
    const destroy = (): void => {
      isOpen = false;
      this.#streams.delete(stream);
      stream.destroy();
    };
    signal.addEventListener('abort', destroy, { once: true });
    stream.on('data', (bytes: Uint8Array) => {
      this.heardAt = performance.now();
      if (isOpen) receiver.chunk(bytes);
    });
    stream.once('end', () => {
      finish();
      stream.destroy();
    });
    stream.on('error', (error) => finish(error));
    stream.once('close', () => finish());
    return Promise.resolve({
      get backlog() {
        return stream.writableLength;
      },
      write: (bytes) => {
        if (isOpen && !stream.writableEnded) stream.write(bytes);
      },
      pause: () => void stream.pause(),
      resume: () => void stream.resume(),
      end: () => {
        stream.resume();
        stream.end();
      },
      destroy,
    });
  }
}
