import type { Clock } from '../ports/ports.ts';
import { Client } from './client.ts';
import type { Platform, SessionOptions } from './client-options.ts';
import { createDevice, type DeviceIdentity } from './device/device.ts';
import { type DeviceStore, newDeviceState } from './device/device-store.ts';
import type { Transport } from './transports/transport.ts';

/** Options of `createDevice` and `openDevice`. */
export interface NewDeviceOptions extends Partial<Pick<Platform, 'random' | 'backend'>> {
  /** @default `device-` and 32 random hex digits */
  readonly deviceId?: string;
  /** Name of the account. @default the device id */
  readonly handle?: string;
}

/** Options of `connect`; clock, random, backend and transport are the platform's unless given. */
export type PlatformOptions<TransportOptions> = SessionOptions & Partial<Platform> & TransportOptions;

/** The functions that a program begins with, the same on every platform. */
export interface EntryPoints<TransportOptions> {
  /** A new device with a fresh key, not registered anywhere: the server does that at its first connection. */
  readonly createDevice: (options?: NewDeviceOptions) => DeviceIdentity;
  /** The device in the store; when there is none, a new one, which is stored. */
  readonly openDevice: (store: DeviceStore, options?: NewDeviceOptions) => Promise<DeviceIdentity>;
  /** A client that has not connected yet: for adding listeners before `client.connect()`. @throws ClientError */
  readonly createClient: (options: PlatformOptions<TransportOptions>) => Client;
  /** A client with an established session. @throws ClientError when the first attempt fails (see `reconnect.first`) */
  readonly connect: (options: PlatformOptions<TransportOptions>) => Promise<Client>;
}

export interface PlatformParts<TransportOptions> extends Omit<Platform, 'transport'> {
  readonly createTransport: (options: TransportOptions, clock: Clock) => Transport;
}

/** Makes them from what the platform provides. */
export function entryPoints<TransportOptions>(
  parts: PlatformParts<TransportOptions>,
): EntryPoints<TransportOptions> {
  const { createTransport, ...platform } = parts;
  const newDevice = (options: NewDeviceOptions = {}) => createDevice({ ...platform, ...options });
  const createClient = (options: PlatformOptions<TransportOptions>): Client => {
    const clock = options.clock ?? platform.clock;
    const transport = options.transport ?? createTransport(options, clock);
    return new Client({ ...platform, ...options, clock, transport });
  };
  return {
    createDevice: newDevice,
    createClient,
    async openDevice(store, options) {
      const state = await store.load();
      if (state !== undefined) return state.device;
      const device = newDevice(options);
      await store.save(newDeviceState(device));
      return device;
    },
    async connect(options) {
      const client = createClient(options);
      await client.connect();
      return client;
    },
  };
}
