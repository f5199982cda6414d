import { BARE_PATHS } from '../bare-paths.ts';
import type { ByteStream, Dial } from './byte-stream.ts';
import { inLanes } from './lanes.ts';
import { MESSAGE_BYTES, type Writes } from './writes.ts';

export interface EchoShape {
  readonly connections: number;
  /** Messages of each connection that are on their way. */
  readonly window: number;
  readonly writes: Writes;
}

const MESSAGE = Buffer.alloc(MESSAGE_BYTES, 0x5a);

/** Keeps `window` messages in flight on each connection to an echo server. */
export class EchoLoad {
  readonly #streams: readonly ByteStream[];
  readonly #writes: Writes;
  #returned = 0;
  #running = true;
  #inFlight = 0;
  #drained: (() => void) | undefined;

  private constructor(streams: readonly ByteStream[], shape: EchoShape) {
    this.#streams = streams;
    this.#writes = shape.writes;
    for (const stream of streams) this.#serve(stream, shape.window);
  }

  static async start(dial: Dial, shape: EchoShape): Promise<EchoLoad> {
    return new EchoLoad(await inLanes(shape.connections, () => dial(BARE_PATHS.echo)), shape);
  }

  /** Messages that came back. */
  get returned(): number {
    return this.#returned;
  }

  async stop(): Promise<void> {
    this.#running = false;
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#drained = resolve));
    await Promise.all(this.#streams.map((stream) => stream.close()));
  }

  #serve(stream: ByteStream, window: number): void {
    let partial = 0;
    stream.onData = (chunk) => {
      const bytes = partial + chunk.length;
      partial = bytes % MESSAGE_BYTES;
      const count = (bytes - partial) / MESSAGE_BYTES;
      this.#returned += count;
      if (!this.#running) this.#settle(count);
      else if (count > 0) this.#send(stream, count);
    };
    this.#inFlight += window;
    this.#send(stream, window);
  }

  #send(stream: ByteStream, count: number): void {
    if (this.#writes === 'turn') stream.write(Buffer.alloc(count * MESSAGE_BYTES, 0x5a));
    else for (let i = 0; i < count; i += 1) stream.write(MESSAGE);
  }

  #settle(count: number): void {
    this.#inFlight -= count;
    if (this.#inFlight === 0) this.#drained?.();
  }
}
