import { type Fact, foldingProjection } from '../engine/folding-projection.ts';
import { insertRows, text, timestamp } from '../tables/rows.ts';
import type { DeviceCertificateRow, DeviceKeyEventRow, DeviceRow } from '../tables/schema.ts';

/** The device, and what is new about it: certificates and key events are only ever added. */
export interface DeviceState {
  readonly device: DeviceRow | undefined;
  readonly certificates: readonly DeviceCertificateRow[];
  readonly keyEvents: readonly DeviceKeyEventRow[];
}

/** Tables `devices`, `device_certificates`, `device_key_events`. */
export const devicesProjection = foldingProjection<DeviceState>(
  {
    name: 'devices',
    version: 1,
    tables: ['devices', 'device_certificates', 'device_key_events'],
    categories: ['device'],
    types: ['device.registered', 'device.certificate_issued'],
  },
  {
    async load(db, keys) {
      const rows = await db
        .selectFrom('devices')
        .selectAll()
        .where('device_id', 'in', [...keys])
        .execute();
      return new Map(rows.map((device) => [device.device_id, { device, certificates: [], keyEvents: [] }]));
    },
    evolve: evolveDevice,
    async store(db, states) {
      const changed = [...states.values()].filter((state) => state !== undefined);
      await db
        .deleteFrom('devices')
        .where('device_id', 'in', [...states.keys()])
        .execute();
      await insertRows(
        db,
        'devices',
        changed.map((state) => state.device).filter((row) => row !== undefined),
      );
      await insertRows(
        db,
        'device_certificates',
        changed.flatMap((state) => state.certificates),
      );
      await insertRows(
        db,
        'device_key_events',
        changed.flatMap((state) => state.keyEvents),
      );
    },
  },
);

const NOTHING: DeviceState = { device: undefined, certificates: [], keyEvents: [] };

export function evolveDevice(state: DeviceState = NOTHING, fact: Fact): DeviceState {
  const { event, key, at } = fact;
  switch (event.type) {
    case 'device.registered':
      return {
        ...state,
        device: {
          device_id: key,
          user_id: text(event.user),
          public_key: publicKey(event.publicKey),
          status: 'active',
          approved_by: event.by,
          registered_at: timestamp(at),
          updated_at: timestamp(at),
        },
        keyEvents: [...state.keyEvents, keyEvent(fact, 'registered', event.publicKey)],
      };
    case 'device.certificate_issued': {
      const certificate: DeviceCertificateRow = {
        device_id: key,
        revision: fact.revision,
        serial: event.serial,
        public_key: publicKey(event.publicKey),
        issued_at: timestamp(event.issuedAt * 1000),
        expires_at: timestamp(event.expiresAt * 1000),
        recorded_at: timestamp(at),
      };
      return {
        device: state.device && { ...state.device, updated_at: timestamp(at) },
        certificates: [...state.certificates, certificate],
        keyEvents: [...state.keyEvents, keyEvent(fact, 'certificate_issued', event.publicKey)],
      };
    }
    default:
      return state;
  }
}

function keyEvent(fact: Fact, kind: string, key: string): DeviceKeyEventRow {
  return {
    device_id: fact.key,
    revision: fact.revision,
    kind,
    public_key: publicKey(key),
    position: fact.position,
    recorded_at: timestamp(fact.at),
  };
}

const KEY_BYTES = 32;

/** @throws RangeError when it is not a key: then the log holds something that must be looked at. */
function publicKey(hex: string): Buffer {
  const bytes = Buffer.from(hex, 'hex');
  if (bytes.length !== KEY_BYTES) {
    throw new RangeError(`a device key has ${KEY_BYTES} bytes, not ${bytes.length}`);
  }
  return bytes;
}
