/** What the client SDK exports on every platform. */

export { Client } from './client.ts';
export type { ClientState, CloseOptions, JoinOptions, SendOptions } from './client-calls.ts';
export type { ClientOptions, Platform, SessionOptions } from './client-options.ts';
export { type DeviceIdentity, deviceFromJson, deviceToJson } from './device/device.ts';
export {
  type DeviceState,
  type DeviceStore,
  MemoryDeviceStore,
  newDeviceState,
} from './device/device-store.ts';
export type { NewDeviceOptions } from './entry-points.ts';
export {
  type ClientGroups,
  type GroupChange,
  type GroupRole,
  groupChangeOf,
  type NewGroup,
} from './groups.ts';
export type {
  ClientEvents,
  ControlEvent,
  MediaEvent,
  PresenceEvent,
  TypingEvent,
} from './mail/client-events.ts';
export type { Message, MessagesOptions } from './mail/inbox.ts';
export type { Receipt } from './mail/receipt.ts';
export type { ReconnectOptions } from './session/backoff.ts';
export type { SessionFacts } from './session/handshake.ts';
export { createRecordArena } from './session/record-writer.ts';
export type { ServerInfo } from './transports/server-info.ts';
export type { Silence, Transport, TransportConnection, TransportReceiver } from './transports/transport.ts';
export {
  type WebSocketLike,
  WebSocketTransport,
  type WebSocketTransportOptions,
} from './transports/websocket-transport.ts';
export {
  CLIENT_ERRORS,
  ClientError,
  type ClientErrorCode,
  type WireErrorFacts,
} from './values/client-error.ts';
export type { Json, JsonDocument } from './values/plain-json.ts';
