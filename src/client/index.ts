/** The client SDK of CommuCat for Node.js. See docs/client.md. */
import { entryPoints, type PlatformOptions } from './entry-points.ts';
import { Http2Transport, type Http2TransportOptions } from './http2-transport.ts';
import { nodeBackend, nodeClock, nodeRandom, nodeReport } from './platform-node.ts';

export { FileDeviceStore } from './file-store.ts';
export { Http2Transport, type Http2TransportOptions } from './http2-transport.ts';
export { nodeBackend, nodeClock, nodeRandom } from './platform-node.ts';
export { fetchServerInfo, type ServerInfoOptions } from './server-info-node.ts';
export * from './shared.ts';

/** Options of `connect`; clock, random, backend and transport are Node's unless given. */
export type ConnectOptions = PlatformOptions<Http2TransportOptions>;

export const { createDevice, openDevice, createClient, connect } = entryPoints<Http2TransportOptions>({
  clock: nodeClock,
  random: nodeRandom,
  backend: nodeBackend,
  report: nodeReport,
  createTransport: (options, clock) => new Http2Transport(options, clock),
});
