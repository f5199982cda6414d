import { Client } from '../../src/client/client.ts';
import type { ClientOptions } from '../../src/client/client-options.ts';
import { createDevice, MemoryDeviceStore } from '../../src/client/index.ts';
import { Scheduler } from '../kit/scheduler.ts';
import { seededRandom } from '../kit/seeded-random.ts';
import { SimulatedNetwork } from './simulated-network.ts';
import { backend, DOMAIN, SERVER_STATIC, SimulatedServer } from './simulated-server.ts';

/** A client, its server and what lies between them, under a clock that only the test moves. */
export interface World {
  readonly clock: Scheduler;
  readonly server: SimulatedServer;
  readonly network: SimulatedNetwork;
  readonly store: MemoryDeviceStore;
  client(options?: Partial<ClientOptions>): Client;
  /** A client with a session. */
  connected(options?: Partial<ClientOptions>): Promise<Client>;
}

export function world(cuts: readonly (number | undefined)[] = [], seed = 1): World {
  const clock = new Scheduler();
  const server = new SimulatedServer(clock);
  const network = new SimulatedNetwork(clock, server, cuts);
  const store = new MemoryDeviceStore(createDevice({ deviceId: 'device-1' }));
  const client = (options: Partial<ClientOptions> = {}): Client =>
    new Client({
      transport: network,
      clock,
      random: seededRandom(`client ${seed}`),
      backend,
      domain: DOMAIN,
      serverStatic: SERVER_STATIC,
      store,
      reconnect: { initialDelay: 10, maxDelay: 100, first: true },
      maxUnacknowledged: { frames: 4 },
      ...options,
    });
  const connected = async (options?: Partial<ClientOptions>): Promise<Client> => {
    const created = client(options);
    await finish(clock, created.connect());
    return created;
  };
  return { clock, server, network, store, client, connected };
}

/** Lets time pass until the promise is settled. */
export async function finish<T>(clock: Scheduler, promise: Promise<T>): Promise<T> {
  let over = false;
  const settled = (): void => {
    over = true;
  };
  promise.then(settled, settled);
  await clock.until(() => over, 'the promise');
  return promise;
}

/** Reads messages until the client ends. */
export function reader(client: Client): { number: number | undefined; text: string }[] {
  const seen: { number: number | undefined; text: string }[] = [];
  void (async () => {
    for await (const { number, text } of client.messages()) seen.push({ number, text });
  })().catch(() => undefined);
  return seen;
}
