/** The client SDK of CommuCat for Node.js: `connect`, and the parts it is made of. See docs/client.md. */
import { Client } from './client.ts';
import type { Platform, SessionOptions } from './client-options.ts';
import { createDevice as createDeviceWith, type DeviceIdentity } from './device.ts';
import { type DeviceStore, newDeviceState } from './device-store.ts';
import { Http2Transport, type Http2TransportOptions } from './http2-transport.ts';
import { nodeBackend, nodeClock, nodeRandom } from './platform-node.ts';

export type { ReconnectOptions } from './backoff.ts';
export { Client, type ClientState, type CloseOptions, type JoinOptions, type SendOptions } from './client.ts';
export { CLIENT_ERRORS, ClientError, type ClientErrorCode, type WireErrorFacts } from './client-error.ts';
export type { ClientEvents, ControlEvent, MediaEvent } from './client-events.ts';
export type { ClientOptions, Platform, SessionOptions } from './client-options.ts';
export { type DeviceIdentity, deviceFromJson, deviceToJson } from './device.ts';
export { type DeviceState, type DeviceStore, MemoryDeviceStore, newDeviceState } from './device-store.ts';
export { FileDeviceStore } from './file-store.ts';
export type { SessionFacts } from './handshake.ts';
export { Http2Transport, type Http2TransportOptions } from './http2-transport.ts';
export type { Message, MessagesOptions } from './inbox.ts';
export type { Receipt } from './outbound.ts';
export { nodeBackend, nodeClock, nodeRandom } from './platform-node.ts';
export { createRecordArena } from './record-writer.ts';
export { fetchServerInfo, type ServerInfo, type ServerInfoOptions } from './server-info-node.ts';
export type { Silence, Transport, TransportConnection, TransportReceiver } from './transport.ts';
export {
  type WebSocketLike,
  WebSocketTransport,
  type WebSocketTransportOptions,
} from './websocket-transport.ts';

export interface NewDeviceOptions extends Partial<Pick<Platform, 'random' | 'backend'>> {
  /** @default `device-` and 32 random hex digits */
  readonly deviceId?: string;
  /** Name of the account. @default the device id */
  readonly handle?: string;
}

/** A new device with a fresh key, not registered anywhere: the server does that at its first connection. */
export function createDevice(options: NewDeviceOptions = {}): DeviceIdentity {
  return createDeviceWith({ random: nodeRandom, backend: nodeBackend, ...options });
}

/** The device in the store; when there is none, a new one, which is stored. */
export async function openDevice(
  store: DeviceStore,
  options: NewDeviceOptions = {},
): Promise<DeviceIdentity> {
  const state = await store.load();
  if (state !== undefined) return state.device;
  const device = createDevice(options);
  await store.save(newDeviceState(device));
  return device;
}

/** Options of `connect`; clock, random, backend and transport are Node's unless given. */
export type ConnectOptions = SessionOptions & Partial<Platform> & Http2TransportOptions;

/** A client that has not connected yet: for adding listeners before `client.connect()`. @throws ClientError */
export function createClient(options: ConnectOptions): Client {
  const clock = options.clock ?? nodeClock;
  const transport = options.transport ?? new Http2Transport(options, clock);
  return new Client({ random: nodeRandom, backend: nodeBackend, ...options, clock, transport });
}

/** A client with an established session. @throws ClientError when the first attempt fails (see `reconnect.first`) */
export async function connect(options: ConnectOptions): Promise<Client> {
  const client = createClient(options);
  await client.connect();
  return client;
}
