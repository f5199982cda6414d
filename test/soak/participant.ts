import {
  type Client,
  ClientError,
  createClient,
  createDevice,
  type DeviceStore,
  MemoryDeviceStore,
} from '../../src/client/index.ts';
import { DoorTransport } from '../kit/door-transport.ts';
import type { Door } from '../kit/doors.ts';
import type { ServerProcess } from '../kit/server-process.ts';
import { pause } from '../kit/waiting.ts';
import type { Ledger } from './ledger.ts';

export interface ParticipantSetting {
  readonly server: ServerProcess;
  readonly ca: Buffer;
  readonly door: Door;
  readonly channels: readonly number[];
  readonly members: readonly string[];
  readonly ledger: Ledger;
  /** 0 … 1 */
  readonly random: () => number;
  /** Leaves its channels now and then: gets no promise of completeness. */
  readonly wanders: boolean;
}

/** One device: talks, listens, loses its network, goes offline, reads slowly, and wanders if it does. */
export class Participant {
  readonly id: string;
  readonly #setting: ParticipantSetting;
  readonly #store: DeviceStore;
  readonly #transport: DoorTransport;
  #client: Client | undefined;
  #slowUntil = 0;
  #stopped = false;
  #away = new Set<number>();
  readonly #inFlight = new Set<Promise<void>>();
  breaks = 0;
  absences = 0;
  slowTimes = 0;
  walks = 0;

  constructor(id: string, setting: ParticipantSetting) {
    this.id = id;
    this.#setting = setting;
    this.#store = new MemoryDeviceStore(createDevice({ deviceId: id }));
    this.#transport = new DoorTransport(setting.door, { port: setting.server.port, ca: setting.ca });
  }

  get steady(): boolean {
    return isSteady(this.id);
  }

  /** For whoever looks why something is missing. */
  get condition(): string {
    const silence = Math.round((performance.now() - this.#transport.heardAt) / 1000);
    const way = `${this.#setting.door.name}, connection ${this.#transport.opened}`;
    return `${this.id}: ${this.#client?.state}, ${way}, last byte ${silence} s ago`;
  }

  get connections(): number {
    return this.#transport.opened;
  }

  async connect(): Promise<void> {
    const { server, ca, channels, members } = this.#setting;
    const { url, domain, noise_public: serverStatic } = server.ready;
    const client = createClient({
      url,
      ca,
      domain,
      serverStatic,
      store: this.#store,
      transport: this.#transport,
      reconnect: { initialDelay: 20, maxDelay: 500, first: true },
    });
    this.#client = client;
    void this.#listen(client);
    await client.connect();
    for (const channel of channels) {
      if (!this.#away.has(channel)) await client.join(channel, { members });
    }
  }

  /** Talks and suffers until `stop`. */
  async live(): Promise<void> {
    await Promise.all([this.#talk(), this.#suffer()]);
    await Promise.all(this.#inFlight);
  }

  stop(): void {
    this.#stopped = true;
    this.#slowUntil = 0;
  }

  async close(): Promise<void> {
    await this.#client?.close();
  }

  async #listen(client: Client): Promise<void> {
    for await (const message of client.messages({ acknowledge: 'manual' })) {
      const { text } = message;
      this.#setting.ledger.hear(this.id, text, this.steady && isSteady(text));
      message.ack();
      const slow = this.#slowUntil - performance.now();
      if (slow > 0) await pause(slow);
    }
  }

  async #talk(): Promise<void> {
    const { channels, random } = this.#setting;
    while (!this.#stopped) {
      await pause(10 + random() * 60);
      const channel = channels[Math.floor(random() * channels.length)];
      const client = this.#client;
      if (channel === undefined || client === undefined || client.state === 'closed') continue;
      if (client.state === 'closing' || this.#away.has(channel)) continue;
      if (random() < 0.05) client.typing(channel);
      else if (random() < 0.02) client.presence(random() < 0.5 ? 'away' : 'online');
      else this.#send(client, channel);
    }
  }

  #send(client: Client, channel: number): void {
    const { ledger, random } = this.#setting;
    // A burst now and then, so that backlogs build up behind those who are slow.
    for (let left = random() < 0.1 ? 20 : 1; left > 0; left--) {
      const lane = `${this.id}/${channel}`;
      const size = random() < 0.05 ? 20_000 * random() : 600 * random();
      const sending = client
        .send(channel, ledger.next(lane, Math.floor(size)))
        .then(() => ledger.acknowledge(lane))
        .catch((error: unknown) => ledger.faults.push(`${lane}: ${String(error)}`))
        .then(() => void this.#inFlight.delete(sending));
      this.#inFlight.add(sending);
    }
  }

  async #suffer(): Promise<void> {
    const { random } = this.#setting;
    while (!this.#stopped) {
      await pause(500 + random() * 4_000);
      if (this.#stopped) return;
      const what = random();
      if (what < 0.45) {
        this.breaks += 1;
        this.#transport.breakAll();
      } else if (what < 0.65) await this.#absence();
      else if (what < 0.85) {
        this.slowTimes += 1;
        this.#slowUntil = performance.now() + 3_000 * random();
      } else if (this.#setting.wanders) await this.#walk();
    }
  }

  /** Offline: the application is closed, and comes back with what its store holds. */
  async #absence(): Promise<void> {
    this.absences += 1;
    const client = this.#client;
    this.#client = undefined;
    await Promise.all(this.#inFlight);
    await client?.close();
    await pause(this.#stopped ? 0 : 3_000 * this.#setting.random());
    await this.connect();
  }

  async #walk(): Promise<void> {
    const { channels, members, random } = this.#setting;
    const channel = channels[Math.floor(random() * channels.length)];
    if (channel === undefined || this.#client === undefined) return;
    this.walks += 1;
    this.#away.add(channel);
    await Promise.all(this.#inFlight);
    try {
      await this.#client.leave(channel);
      await pause(1_000 * random());
      await this.#client.join(channel, { members });
      this.#away.delete(channel);
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      this.#setting.ledger.faults.push(`${this.id} walks: ${error.message}`);
    }
  }
}

/** Ids of wanderers, and so the lanes of what they send, begin with another word. */
export function isSteady(name: string): boolean {
  return name.startsWith('steady');
}
