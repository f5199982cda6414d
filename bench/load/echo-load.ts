import { type Address, type Connection, closeConnection, openConnection } from './connection.ts';
import { ECHO_PATHS, type EchoWrites, MESSAGE_BYTES } from './echo-shape.ts';

export interface EchoShape {
  readonly connections: number;
  /** Messages of each connection that are on their way. */
  readonly window: number;
  readonly writes: EchoWrites;
}

/** Keeps `window` messages in flight on each connection to an echo server. */
export class EchoLoad {
  readonly #connections: readonly Connection[];
  readonly #writes: EchoWrites;
  #returned = 0;
  #running = true;
  #inFlight = 0;
  #drained: (() => void) | undefined;

  constructor(connections: readonly Connection[], shape: EchoShape) {
    this.#connections = connections;
    this.#writes = shape.writes;
    for (const { stream } of connections) {
      this.#serve(stream, shape.window);
    }
  }

  static async start(address: Address, shape: EchoShape): Promise<EchoLoad> {
    const connections: Connection[] = [];
    for (let i = 0; i < shape.connections; i += 1)
      connections.push(await openConnection(address, ECHO_PATHS[shape.writes]));
    return new EchoLoad(connections, shape);
  }

  /** Messages that came back. */
  get returned(): number {
    return this.#returned;
  }

  async stop(): Promise<void> {
    this.#running = false;
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#drained = resolve));
    await Promise.all(this.#connections.map(closeConnection));
  }

  #serve(stream: Connection['stream'], window: number): void {
    let partial = 0;
    let waiting = 0;
    const flush = (): void => {
      stream.write(Buffer.allocUnsafe(waiting * MESSAGE_BYTES));
      waiting = 0;
    };
    const send = (count: number): void => {
      if (this.#writes === 'turn') {
        if (waiting === 0) setImmediate(flush);
        waiting += count;
      } else for (let i = 0; i < count; i += 1) stream.write(Buffer.allocUnsafe(MESSAGE_BYTES));
    };
    stream.on('data', (chunk: Uint8Array) => {
      const bytes = partial + chunk.length;
      partial = bytes % MESSAGE_BYTES;
      const count = (bytes - partial) / MESSAGE_BYTES;
      this.#returned += count;
      if (!this.#running) this.#settle(count);
      else if (count > 0) send(count);
    });
    this.#inFlight += window;
    send(window);
  }

  #settle(count: number): void {
    this.#inFlight -= count;
    if (this.#inFlight === 0) this.#drained?.();
  }
}
