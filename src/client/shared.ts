/** What the client SDK exports on every platform. */
export type { ReconnectOptions } from './backoff.ts';
export { Client, type ClientState, type CloseOptions, type JoinOptions, type SendOptions } from './client.ts';
export { CLIENT_ERRORS, ClientError, type ClientErrorCode, type WireErrorFacts } from './client-error.ts';
export type {
  ClientEvents,
  ControlEvent,
  MediaEvent,
  PresenceEvent,
  TypingEvent,
} from './client-events.ts';
export type { ClientOptions, Platform, SessionOptions } from './client-options.ts';
export { type DeviceIdentity, deviceFromJson, deviceToJson } from './device.ts';
export { type DeviceState, type DeviceStore, MemoryDeviceStore, newDeviceState } from './device-store.ts';
export type { NewDeviceOptions } from './entry-points.ts';
export {
  type ClientGroups,
  type GroupChange,
  type GroupRole,
  groupChangeOf,
  type NewGroup,
} from './groups.ts';
export type { SessionFacts } from './handshake.ts';
export type { Message, MessagesOptions } from './inbox.ts';
export type { Json, JsonDocument } from './plain-json.ts';
export type { Receipt } from './receipt.ts';
export { createRecordArena } from './record-writer.ts';
export type { ServerInfo } from './server-info.ts';
export type { Silence, Transport, TransportConnection, TransportReceiver } from './transport.ts';
export {
  type WebSocketLike,
  WebSocketTransport,
  type WebSocketTransportOptions,
} from './websocket-transport.ts';
