import type { Door } from '../kit/doors.ts';
import { type ServerAddress, WireClient, type SeenFrame as WireFrame } from '../kit/wire-client.ts';
import type { ModelClient } from './model-device.ts';

/** The connection of a model device through a real socket and a door. */
export class WireModelClient implements ModelClient {
  readonly facts: ModelClient['facts'];
  readonly frames: WireFrame[] = [];
  endedBecause: string | undefined;
  readonly #wire: WireClient;
  #gone = false;

  private constructor(wire: WireClient) {
    this.#wire = wire;
    const { inbox, resume } = wire.facts;
    this.facts = { inbox, resume };
  }

  static async connect(
    server: ServerAddress,
    device: string,
    door: Door,
    capabilities: readonly string[],
  ): Promise<WireModelClient> {
    const wire = await WireClient.connect(server, device, { door, capabilities });
    wire.stream.on('error', () => undefined);
    return new WireModelClient(wire);
  }

  post(type: number, channel: number, body: unknown, sequence: number): void {
    if (this.#gone || this.#wire.ended) return;
    this.#wire.post(
      type,
      channel,
      Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
      sequence,
    );
  }

  /** Takes in what has come. */
  poll(): void {
    this.frames.push(...this.#wire.takeAll());
    // Over the wire the end has no name of its own; its reason stood in an ERROR frame.
    if (this.#wire.ended && !this.#gone) this.endedBecause = 'replaced';
  }

  /** The network is gone. */
  drop(): void {
    this.#gone = true;
    this.#wire.close();
  }

  /** Logs out, and waits until the server has ended its side too. */
  async logOut(): Promise<void> {
    this.#gone = true;
    this.#wire.stream.end();
    await this.#wire.end();
    this.frames.push(...this.#wire.takeAll());
    this.#wire.close();
  }
}
