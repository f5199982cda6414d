import type { RelayWorld } from '../simulation/relay-world.ts';
import type { TestClient } from '../simulation/test-client.ts';
import type { Arrived, Connection, Welcome } from './connection.ts';

interface Upstream {
  readonly type: number;
  readonly channel: number;
  readonly body: string;
  readonly sequence: number;
}

/** A connection to the simulated server: what is sent waits on the wire until the run lets it arrive. */
export class SimulatedConnection implements Connection {
  readonly welcome: Welcome;
  readonly #client: TestClient;
  readonly #wire: Upstream[] = [];
  /** Takes what comes one write at a time, when it is told to. */
  #slow: boolean;
  #untaken = false;

  constructor(client: TestClient, slow: boolean) {
    this.#client = client;
    this.#slow = slow;
    client.deaf = slow;
    const { inbox, resume } = client.facts;
    this.welcome = { inbox, resume };
  }

  get frames(): Arrived[] {
    return this.#client.frames;
  }

  get endedBecause(): string | undefined {
    return this.#client.endedBecause;
  }

  get isSlow(): boolean {
    return this.#slow;
  }

  /** Something waits on the wire upstream that the server would read. */
  get canArrive(): boolean {
    return this.#wire.length > 0 && (!this.#client.held || this.endedBecause !== undefined);
  }

  /** Something may wait on the wire downstream. */
  get canTake(): boolean {
    return this.#slow && this.endedBecause === undefined && this.#client.untaken > 0 && !this.#untaken;
  }

  post(type: number, channel: number, body: string, sequence: number): void {
    this.#wire.push({ type, channel, body, sequence });
  }

  /** The oldest frames on the wire reach the server, in one turn. */
  arrive(most: number): void {
    for (const { type, channel, body, sequence } of this.#wire.splice(0, most)) {
      this.#client.post(type, channel, body, sequence);
    }
  }

  /** One write reaches a slow client, or only the transport of the server lets go of all of them. */
  take(onlyCarried: boolean): void {
    if (onlyCarried) this.#client.carry();
    else this.#client.takeOne();
  }

  /** The client reads everything again. */
  listen(): void {
    this.#slow = false;
    void this.#client.listen();
  }

  /** The client is gone; the server has not noticed and reads what is still on the wire. */
  abandon(): void {
    this.#slow = true;
    this.#untaken = true;
    this.#client.deaf = true;
  }

  /** The server notices that the connection is gone. */
  close(): void {
    this.#wire.length = 0;
    this.#client.deaf = true;
    if (this.endedBecause === undefined) void this.#client.leave('connection_lost');
  }
}

/** Connects a device, or tells why the server did not want it. */
export async function connectSimulated(
  world: RelayWorld,
  device: string,
  capabilities: readonly string[],
  begun: (client: TestClient) => void,
): Promise<string | undefined> {
  try {
    // Handles are shorter than names.
    await world.connect(device, { capabilities, begun, handle: device.slice(0, 16) });
    return undefined;
  } catch (error) {
    return String(error);
  }
}
