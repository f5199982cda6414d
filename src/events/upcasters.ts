import type { FactEvent } from './events.ts';

/** The JSON object of an event without `v` and `type`. */
export type FactFields = Readonly<Record<string, unknown>>;
/** Turns the fields of one version into those of the next. */
export type Upcaster = (fields: FactFields) => FactFields;

export interface FactVersions {
  /** The version that `events.ts` describes and that is written. */
  readonly current: number;
  /** By the version that they start from. */
  readonly upcasters: Readonly<Record<number, Upcaster>>;
}

const first: FactVersions = { current: 1, upcasters: {} };

/**
 * Every fact type and its versions. Who changes the shape of an event raises `current` and adds the upcaster from the
 * version before; old events stay as they were written.
 */
export const FACT_VERSIONS: Readonly<Record<FactEvent['type'], FactVersions>> = {
  'handle.reserved': first,
  'user.registered': first,
  'user.profile_changed': first,
  'user.device_added': first,
  'device.registered': first,
  'device.certificate_issued': first,
  'channel.opened': first,
  'channel.devices_listed': first,
  'channel.joined': first,
  'channel.left': first,
  'group.created': first,
  'group.member_invited': first,
  'group.member_joined': first,
  'group.member_paused': first,
  'group.member_left': first,
  'group.member_removed': first,
  'group.role_changed': first,
  'group.ended': first,
  'session.opened': first,
  'session.closed': first,
  'sessions.noted': { current: 2, upcasters: { 1: (fields) => ({ ...fields, calls: null }) } },
  'handshake.rejected': first,
  'secret.rotated': first,
  'history.begun': first,
  'call.offered': first,
  'call.answered': first,
  'call.transport_updated': first,
  'call.left': first,
  'call.ended': first,
};
