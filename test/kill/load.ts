import assert from 'node:assert/strict';
import {
  type Client,
  type ConnectOptions,
  connect,
  createDevice,
  MemoryDeviceStore,
} from '../../src/client/index.ts';
import type { ServerProcess } from '../kit/server-process.ts';
import { until, within } from '../kit/waiting.ts';

/** Where the server is, also after it was started again. */
type Target = Pick<ServerProcess, 'ready' | 'ca'>;

const CHANNELS = [1, 2, 3] as const;
const SENDERS = ['exact-0', 'exact-1', 'exact-2', 'plain-0'] as const;
const RECEIVERS = ['exact-receiver', 'plain-receiver'] as const;
/** Messages of one sender and channel that have no answer yet. */
const IN_FLIGHT = 8;
/** Milliseconds in which everybody gets what is left, also on a busy machine. */
const FINISH_MS = 120_000;

/** What one device has received: for each sender and channel, the numbers in order of arrival. */
class Heard {
  readonly #numbers = new Map<string, number[]>();
  count = 0;

  note(text: string): void {
    const [lane = '', number] = text.split('#');
    const numbers = this.#numbers.get(lane) ?? [];
    numbers.push(Number(number));
    this.#numbers.set(lane, numbers);
    this.count += 1;
  }

  of(lane: string): readonly number[] {
    return this.#numbers.get(lane) ?? [];
  }
}

/** One sender's messages on one channel. */
interface Lane {
  readonly name: string;
  readonly acknowledged: Set<number>;
  sent: number;
}

export interface LoadFigures {
  readonly sent: number;
  readonly acknowledged: number;
  readonly received: number;
  readonly repeated: number;
}

/**
 * Devices that talk in several channels over connections that break, with and without extensions. Senders named
 * `exact` use `delivery-ack` and `resume`; `plain` ones know neither.
 */
export class Load implements AsyncDisposable {
  readonly #clients = new Map<string, Client>();
  readonly #heard = new Map<string, Heard>();
  readonly #lanes: Lane[] = [];
  #stopping = false;
  #work: Promise<unknown>[] = [];

  static async start(server: Target): Promise<Load> {
    const load = new Load();
    for (const name of [...SENDERS, ...RECEIVERS]) await load.#connect(server, name);
    for (const name of SENDERS) {
      for (const channel of CHANNELS) load.#work.push(load.#talk(name, channel));
    }
    return load;
  }

  /** No new messages; resolves when every one that was sent has its answer, and everybody has what was acknowledged. */
  async finish(): Promise<LoadFigures> {
    this.#stopping = true;
    await Promise.all(this.#work);
    for (const heard of this.#heard.values()) {
      const hasHeard = (): boolean =>
        this.#lanes.every((lane) => hasAll(heard.of(lane.name), lane.acknowledged));
      await until(hasHeard, 'what was acknowledged', within(FINISH_MS));
    }
    return this.#judge();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    await Promise.all([...this.#clients.values()].map((client) => client.close({ deadline: 0 })));
  }

  async #connect(server: Target, name: string): Promise<void> {
    const { url, domain, noise_public: serverStatic } = server.ready;
    const options: ConnectOptions = {
      url,
      ca: server.ca,
      domain,
      serverStatic,
      store: new MemoryDeviceStore(createDevice({ deviceId: name })),
      reconnect: { initialDelay: 20, maxDelay: 200 },
      ...(name.startsWith('plain') ? { capabilities: [] } : {}),
    };
    const client = await connect(options);
    this.#clients.set(name, client);
    for (const channel of CHANNELS) await client.join(channel, { members: [...SENDERS, ...RECEIVERS] });
    const heard = new Heard();
    if (RECEIVERS.some((receiver) => receiver === name)) this.#heard.set(name, heard);
    void this.#listen(client, heard);
  }

  async #listen(client: Client, heard: Heard): Promise<void> {
    for await (const message of client.messages()) {
      heard.note(message.text);
    }
  }

  async #talk(name: string, channel: number): Promise<void> {
    const client = this.#clients.get(name) ?? assert.fail(name);
    const lane: Lane = { name: `${name}/${channel}`, acknowledged: new Set(), sent: 0 };
    this.#lanes.push(lane);
    const inFlight = new Set<Promise<void>>();
    while (!this.#stopping) {
      lane.sent += 1;
      const number = lane.sent;
      const sending: Promise<void> = client
        .send(channel, `${lane.name}#${number}`)
        .then(
          () => {
            lane.acknowledged.add(number);
          },
          // Only a client without `resume` has sends that nobody can say anything about.
          (error: unknown) => assert.ok(name.startsWith('plain'), `${lane.name}#${number}: ${String(error)}`),
        )
        .finally(() => inFlight.delete(sending));
      inFlight.add(sending);
      if (inFlight.size >= IN_FLIGHT) await Promise.race(inFlight);
    }
    await Promise.all(inFlight);
  }

  #judge(): LoadFigures {
    let received = 0;
    let repeated = 0;
    for (const [receiver, heard] of this.#heard) {
      for (const lane of this.#lanes) {
        const numbers = heard.of(lane.name);
        const firsts = [...new Set(numbers)];
        assert.deepEqual(
          firsts,
          [...firsts].sort((a, b) => a - b),
          `${lane.name} reaches ${receiver} in order`,
        );
        assert.ok(
          firsts.every((number) => number >= 1 && number <= lane.sent),
          'nothing that was never sent',
        );
        if (receiver.startsWith('exact')) {
          assert.equal(numbers.length, firsts.length, `${lane.name} reaches ${receiver} once`);
        }
        if (lane.name.startsWith('exact')) {
          assert.equal(
            lane.acknowledged.size,
            lane.sent,
            `${lane.name}: everything is acknowledged in the end`,
          );
          assert.equal(firsts.length, lane.sent, `${lane.name} reaches ${receiver} completely`);
        }
        received += firsts.length;
        repeated += numbers.length - firsts.length;
      }
    }
    const sum = (value: (lane: Lane) => number): number =>
      this.#lanes.reduce((total, lane) => total + value(lane), 0);
    return {
      sent: sum((lane) => lane.sent),
      acknowledged: sum((lane) => lane.acknowledged.size),
      received,
      repeated,
    };
  }
}

function hasAll(numbers: readonly number[], wanted: ReadonlySet<number>): boolean {
  if (numbers.length < wanted.size) return false;
  const seen = new Set(numbers);
  return [...wanted].every((number) => seen.has(number));
}
