/** The client SDK of CommuCat for Node.js. See docs/client.md. */
import { entryPoints, type PlatformOptions } from './entry-points.ts';
import { nodeBackend, nodeClock, nodeRandom, nodeReport } from './platform-node.ts';
import { Http2Transport, type Http2TransportOptions } from './transports/http2-transport.ts';

export { FileDeviceStore } from './device/file-store.ts';
export { nodeBackend, nodeClock, nodeRandom } from './platform-node.ts';
export * from './shared.ts';
export { Http2Transport, type Http2TransportOptions } from './transports/http2-transport.ts';
export { fetchServerInfo, type ServerInfoOptions } from './transports/server-info-node.ts';

/** Options of `connect`; clock, random, backend and transport are Node's unless given. */
export type ConnectOptions = PlatformOptions<Http2TransportOptions>;

const platform = entryPoints<Http2TransportOptions>({
  clock: nodeClock,
  random: nodeRandom,
  backend: nodeBackend,
  report: nodeReport,
  createTransport: (options, clock) => new Http2Transport(options, clock),
});

/** A new device with a fresh key, not registered anywhere: the server does that at its first connection. */
export const createDevice = platform.createDevice;

/** The device in the store; when there is none, a new one, which is stored. */
export const openDevice = platform.openDevice;

/** A client that has not connected yet: for adding listeners before `client.connect()`. @throws ClientError */
export const createClient = platform.createClient;

/** A client with an established session. @throws ClientError when the first attempt fails (see `reconnect.first`) */
export const connect = platform.connect;
