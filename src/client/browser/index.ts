/** The client SDK of CommuCat for browsers: the same as for Node.js, over WebSocket. See docs/client.md. */
import type { Client } from '../client.ts';
import { entryPoints, type PlatformOptions } from '../entry-points.ts';
import { WebSocketTransport, type WebSocketTransportOptions } from '../transports/websocket-transport.ts';
import { browserBackend, browserClock, browserRandom, browserReport } from './platform.ts';

export * from '../shared.ts';
export { IndexedDbDeviceStore, type IndexedDbStoreOptions } from './indexeddb-store.ts';
export { browserBackend, browserClock, browserRandom } from './platform.ts';
export { fetchServerInfo, type ServerInfoOptions } from './server-info.ts';

/** Options of `connect`; clock, random, backend and transport are the browser's unless given. */
export type ConnectOptions = PlatformOptions<WebSocketTransportOptions>;

const platform = entryPoints<WebSocketTransportOptions>({
  clock: browserClock,
  random: browserRandom,
  backend: browserBackend,
  report: browserReport,
  createTransport: (options, clock) => new WebSocketTransport(options, clock),
});

/** A new device with a fresh key, not registered anywhere: the server does that at its first connection. */
export const createDevice = platform.createDevice;

/** The device in the store; when there is none, a new one, which is stored. */
export const openDevice = platform.openDevice;

/**
 * A client that has not connected yet: for adding listeners before `client.connect()`. It tries again at once when the
 * browser says that the network is back. @throws ClientError
 */
export function createClient(options: ConnectOptions): Client {
  const client = platform.createClient(options);
  const online = (): void => client.retryNow();
  globalThis.addEventListener('online', online);
  client.on('closed', () => globalThis.removeEventListener('online', online));
  return client;
}

/** A client with an established session. @throws ClientError when the first attempt fails (see `reconnect.first`) */
export async function connect(options: ConnectOptions): Promise<Client> {
  const client = createClient(options);
  await client.connect();
  return client;
}
