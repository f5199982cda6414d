import { RecordSealer } from '../../src/protocol/noise/record.ts';
import { BARE_PATHS } from '../bare-paths.ts';
import type { ByteStream, Dial } from './byte-stream.ts';
import { echoCipher, SEALED_MESSAGE_BYTES, sealedMessage } from './echo-records.ts';
import { inLanes } from './lanes.ts';
import { MESSAGE_BYTES, type Writes } from './writes.ts';

/** `sealed`: each message is a write and a record of its own, which the server opens and seals anew. */
export type EchoWrites = Writes | 'sealed';

export interface EchoShape {
  readonly connections: number;
  /** Messages of each connection that are on their way. */
  readonly window: number;
  readonly writes: EchoWrites;
}

const MESSAGE = Buffer.alloc(MESSAGE_BYTES, 0x5a);

/** Keeps `window` messages in flight on each connection to an echo server. */
export class EchoLoad {
  readonly #streams: readonly ByteStream[];
  readonly #writes: EchoWrites;
  /** Of a message on its way back. */
  readonly #messageBytes: number;
  #returned = 0;
  #running = true;
  #inFlight = 0;
  #drained: (() => void) | undefined;

  private constructor(streams: readonly ByteStream[], shape: EchoShape) {
    this.#streams = streams;
    this.#writes = shape.writes;
    this.#messageBytes = shape.writes === 'sealed' ? SEALED_MESSAGE_BYTES : MESSAGE_BYTES;
    for (const stream of streams) this.#serve(stream, shape.window);
  }

  static async start(dial: Dial, shape: EchoShape): Promise<EchoLoad> {
    const path = shape.writes === 'sealed' ? BARE_PATHS.sealedEcho : BARE_PATHS.echo;
    return new EchoLoad(await inLanes(shape.connections, () => dial(path)), shape);
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
    const sealer = this.#writes === 'sealed' ? new RecordSealer(echoCipher()) : undefined;
    stream.onData = (chunk) => {
      const bytes = partial + chunk.length;
      partial = bytes % this.#messageBytes;
      const count = (bytes - partial) / this.#messageBytes;
      this.#returned += count;
      if (!this.#running) this.#settle(count);
      else if (count > 0) this.#send(stream, sealer, count);
    };
    this.#inFlight += window;
    this.#send(stream, sealer, window);
  }

  #send(stream: ByteStream, sealer: RecordSealer | undefined, count: number): void {
    if (this.#writes === 'turn') {
      stream.write(Buffer.alloc(count * MESSAGE_BYTES, 0x5a));
      return;
    }
    for (let i = 0; i < count; i += 1) {
      stream.write(sealer === undefined ? MESSAGE : sealedMessage(sealer, MESSAGE));
    }
  }

  #settle(count: number): void {
    this.#inFlight -= count;
    if (this.#inFlight === 0) this.#drained?.();
  }
}
