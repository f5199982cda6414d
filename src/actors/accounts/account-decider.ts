import type {
  DeviceCertificateIssued,
  DeviceRegistered,
  UserDeviceAdded,
  UserProfileChanged,
  UserRegistered,
} from '../../events/events.ts';
import { fromHex, toHex } from '../../protocol/bytes.ts';
import {
  type CertificateFields,
  certificateValidity,
  isRenewalDue,
} from '../../protocol/identity/certificate.ts';
import { handleKey, readHandle } from '../../protocol/identity/handle.ts';
import type { HandshakeRefusal, UserSnapshot } from '../../relay-port/relay-port.ts';

/**
 * Who a HELLO may speak for (PROTOCOL.md 3), as pure functions. A proof and, where one is presented, the certificate's
 * signature were verified before; here it is decided whether the keys and names belong together.
 */

export type UserEvent = UserRegistered | UserProfileChanged | UserDeviceAdded;
export type DeviceEvent = DeviceRegistered | DeviceCertificateIssued;

export interface DeviceState {
  readonly user: string;
  /** Ed25519, hex. */
  readonly publicKey: string;
  /** The newest one issued to it. */
  readonly certificate: CertificateFields | undefined;
}

export interface UserState extends UserSnapshot {
  readonly devices: ReadonlySet<string>;
}

/** What a HELLO claims. */
export interface Claim {
  readonly deviceId: string;
  /** Ed25519 key of the proof, hex. */
  readonly devicePublic: string;
  /** X25519 key, hex: the oldest clients had it certified instead of the device key. */
  readonly clientStatic: string;
  readonly userId: string | undefined;
  readonly handle: string | undefined;
  readonly displayName: string | undefined;
  readonly avatarUrl: string | undefined;
  /** Its signature is verified. */
  readonly certificate: CertificateFields | undefined;
}

/** What the log knows about the names of the claim. */
export interface AccountView {
  readonly device: DeviceState | undefined;
  /** The device's user. */
  readonly owner: UserState | undefined;
  /** The user that the claim names: by certificate, id or handle, in this order. */
  readonly named: UserState | undefined;
  /** The device has been here before, whether or not its account is known. */
  readonly settled: boolean;
}

export interface AccountPolicy {
  readonly autoApprove: boolean;
  /** Most devices of a user that get in by themselves; 0: no limit. */
  readonly maxAutoDevices: number;
  /** Of one user. */
  readonly profileChangesPerHour: number;
  readonly domain: string;
}

/** `echo`: the presented one is still good; `again`: the one of the log; `issue`: a fresh one. */
export type CertificatePlan = 'echo' | 'again' | 'issue';

export type AccountDecision =
  | {
      readonly ok: true;
      readonly user: UserSnapshot;
      readonly newcomer: boolean;
      readonly profile: UserProfileChanged | undefined;
      readonly certificate: CertificatePlan;
      readonly pairingRequired: boolean;
    }
  | { readonly ok: false; readonly refusal: HandshakeRefusal; readonly reason: string };

/** Seconds of a certificate's life. PROTOCOL.md 3. */
export const CERTIFICATE_LIFETIME = 2_592_000;

const refuse = (refusal: HandshakeRefusal, reason: string): AccountDecision => ({
  ok: false,
  refusal,
  reason,
});

/** `now` is in Unix seconds; `freshUserId` becomes the id of a user that is created. */
export function decideAccount(
  claim: Claim,
  view: AccountView,
  policy: AccountPolicy,
  now: number,
  freshUserId: string,
): AccountDecision {
  return view.device === undefined
    ? decideUnknownDevice(claim, view, policy, freshUserId)
    : decideKnownDevice(claim, view.device, view.owner, policy, now);
}

function decideKnownDevice(
  claim: Claim,
  device: DeviceState,
  owner: UserState | undefined,
  policy: AccountPolicy,
  now: number,
): AccountDecision {
  // The attack of whoever knows a device id: the first key stays until the device itself signs for another.
  if (device.publicKey !== claim.devicePublic) return refuse('invalid request', 'device_key_mismatch');
  if (owner === undefined) return refuse('storage failure', 'owner_missing');
  if (claim.userId !== undefined && claim.userId !== owner.id) {
    return refuse('invalid request', 'user_mismatch');
  }
  // An account from before handles had a normal form keeps the one it has.
  if (claim.handle !== undefined && handleKey(claim.handle) !== handleKey(owner.handle)) {
    return refuse('invalid request', 'handle_mismatch');
  }
  const presented = claim.certificate;
  const fault = presented === undefined ? undefined : certificateFault(presented, claim, owner.id);
  if (fault !== undefined) return refuse('invalid request', fault);
  const profile = profileChange(claim, owner);
  const active = owner.devices.size;
  return {
    ok: true,
    user: profile === undefined ? owner : { ...owner, ...profile },
    newcomer: false,
    profile,
    certificate: certificatePlan(presented, device, claim, now),
    pairingRequired: pairingRequired(policy, active),
  };
}

function decideUnknownDevice(
  claim: Claim,
  view: AccountView,
  policy: AccountPolicy,
  freshUserId: string,
): AccountDecision {
  const { certificate } = claim;
  // Before anything is said about its user: a copied certificate of another device tells its bearer nothing.
  const fault =
    certificate === undefined
      ? undefined
      : certificateFault(certificate, claim, view.named?.id ?? certificate.userId);
  if (fault !== undefined) return refuse('invalid request', fault);
  if (view.named !== undefined) {
    // Only pairing adds a device to an account that exists: knowing its name is not consent.
    return refuse('pairing required', 'existing_user');
  }
  if (certificate !== undefined || claim.userId !== undefined || claim.handle === undefined) {
    return refuse('invalid request', 'unknown_user');
  }
  const handle = readHandle(claim.handle);
  if (handle === undefined) return refuse('invalid request', 'bad_handle');
  if (!policy.autoApprove) return refuse('pairing required', 'auto_approval_off');
  if (view.settled) {
    // Its account is lost: whoever names the device first must not get its mail.
    return refuse('pairing required', 'device_has_mail');
  }
  return {
    ok: true,
    user: {
      id: freshUserId,
      handle,
      displayName: claim.displayName ?? null,
      avatarUrl: claim.avatarUrl ?? null,
    },
    newcomer: true,
    profile: undefined,
    certificate: 'issue',
    pairingRequired: pairingRequired(policy, 1),
  };
}

function pairingRequired(policy: AccountPolicy, activeDevices: number): boolean {
  return !policy.autoApprove || (policy.maxAutoDevices > 0 && activeDevices >= policy.maxAutoDevices);
}

/**
 * Its times do not count: this server has given them, perhaps by a clock that was wrong, and a certificate opens nothing
 * by itself. One that is not valid now is replaced.
 */
function certificateFault(certificate: CertificateFields, claim: Claim, userId: string): string | undefined {
  if (certificate.deviceId !== claim.deviceId || certificate.userId !== userId) return 'certificate_mismatch';
  const publicKey = toHex(certificate.publicKey);
  if (publicKey !== claim.devicePublic && publicKey !== claim.clientStatic) return 'certificate_key_mismatch';
  return undefined;
}

function certificatePlan(
  presented: CertificateFields | undefined,
  device: DeviceState,
  claim: Claim,
  now: number,
): CertificatePlan {
  const fresh = (certificate: CertificateFields | undefined): boolean =>
    certificate !== undefined &&
    toHex(certificate.publicKey) === claim.devicePublic &&
    certificateValidity(certificate, now) === 'valid' &&
    !isRenewalDue(certificate, now);
  if (fresh(presented)) return 'echo';
  // Whoever keeps presenting an old one is given the one that was issued since: a handshake writes no fact again and again.
  return fresh(device.certificate) ? 'again' : 'issue';
}

function profileChange(claim: Claim, owner: UserState): UserProfileChanged | undefined {
  const displayName = claim.displayName ?? owner.displayName;
  const avatarUrl = claim.avatarUrl ?? owner.avatarUrl;
  if (displayName === owner.displayName && avatarUrl === owner.avatarUrl) return undefined;
  return { type: 'user.profile_changed', displayName, avatarUrl, device: claim.deviceId };
}

export function evolveUser(state: UserState | undefined, event: UserEvent): UserState | undefined {
  switch (event.type) {
    case 'user.registered': {
      const { user: id, handle, displayName, avatarUrl } = event;
      return { id, handle, displayName, avatarUrl, devices: new Set() };
    }
    case 'user.profile_changed':
      return state && { ...state, displayName: event.displayName, avatarUrl: event.avatarUrl };
    case 'user.device_added':
      return state && { ...state, devices: new Set([...state.devices, event.device]) };
  }
}

export function evolveDevice(state: DeviceState | undefined, event: DeviceEvent): DeviceState | undefined {
  switch (event.type) {
    case 'device.registered':
      return { user: event.user, publicKey: event.publicKey, certificate: undefined };
    case 'device.certificate_issued': {
      const { issuedAt, expiresAt } = event;
      const fields = {
        publicKey: fromHex(event.publicKey),
        serial: BigInt(event.serial),
        issuedAt,
        expiresAt,
      };
      return state && { ...state, certificate: { ...fields, userId: state.user, deviceId: event.device } };
    }
  }
}
