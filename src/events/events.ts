/**
 * Every event type: name, category, version, what it means. Facts are JSON (UTF-8, `v` = version of the type); the two
 * hot types (`mail.posted`, `inbox.advanced`) are binary, see `mail-encoding.ts`. Secrets never appear: the session
 * category is keyed by a hash of the session token.
 */
import type { StreamName } from '../log/event-log.ts';

export interface HandleReserved {
  readonly type: 'handle.reserved';
  readonly user: string;
}
export interface UserRegistered {
  readonly type: 'user.registered';
  readonly user: string;
  readonly handle: string;
  readonly domain: string;
  readonly displayName: string | null;
  readonly avatarUrl: string | null;
}
export interface UserProfileChanged {
  readonly type: 'user.profile_changed';
  readonly displayName: string | null;
  readonly avatarUrl: string | null;
  /** The device whose HELLO carried the change. */
  readonly device: string;
}
export interface UserDeviceAdded {
  readonly type: 'user.device_added';
  readonly device: string;
}
export interface DeviceRegistered {
  readonly type: 'device.registered';
  readonly device: string;
  readonly user: string;
  /** Ed25519, hex. */
  readonly publicKey: string;
  readonly by: 'auto_approval' | 'operator' | 'pairing';
}
export interface DeviceCertificateIssued {
  readonly type: 'device.certificate_issued';
  readonly device: string;
  readonly publicKey: string;
  /** Decimal: a serial may exceed 2^53. */
  readonly serial: string;
  /** Unix seconds. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}
export interface ChannelOpened {
  readonly type: 'channel.opened';
  /** The number that members use on the wire. */
  readonly number: number;
  readonly creator: string;
  /** Devices named by the creator that have not consented yet. */
  readonly listed: readonly string[];
  /** Devices that take part at once because `channels.reach` allows it. */
  readonly admitted: readonly string[];
  readonly relay: boolean;
  /** Any device that may use open rooms can join. */
  readonly open: boolean;
}
export interface ChannelDevicesListed {
  readonly type: 'channel.devices_listed';
  readonly by: string;
  readonly listed: readonly string[];
  readonly admitted: readonly string[];
}
export interface ChannelJoined {
  readonly type: 'channel.joined';
  readonly device: string;
}
export interface ChannelLeft {
  readonly type: 'channel.left';
  readonly device: string;
}
/** Owner, admin or member; a group has one owner. */
export type GroupRole = 'owner' | 'admin' | 'member';
/** The group's id is the key of its stream. */
export interface GroupCreated {
  readonly type: 'group.created';
  /** Key of the group's mail, as that of a channel. */
  readonly channel: string;
  /** The number that members use on the wire. */
  readonly number: number;
  readonly owner: string;
  readonly relay: boolean;
  readonly invited: readonly { readonly device: string; readonly role: GroupRole }[];
}
export interface GroupMemberInvited {
  readonly type: 'group.member_invited';
  readonly device: string;
  readonly role: GroupRole;
  readonly by: string;
}
export interface GroupMemberJoined {
  readonly type: 'group.member_joined';
  readonly device: string;
}
/** The device sent LEAVE on the group's number: it stays a member and receives nothing until it joins again. */
export interface GroupMemberPaused {
  readonly type: 'group.member_paused';
  readonly device: string;
}
export interface GroupMemberLeft {
  readonly type: 'group.member_left';
  readonly device: string;
}
export interface GroupMemberRemoved {
  readonly type: 'group.member_removed';
  readonly device: string;
  readonly by: string;
}
export interface GroupRoleChanged {
  readonly type: 'group.role_changed';
  readonly device: string;
  readonly role: GroupRole;
  readonly by: string;
}
/** The last member has left. The id is never used again. */
export interface GroupEnded {
  readonly type: 'group.ended';
}
export interface SessionOpened {
  readonly type: 'session.opened';
  readonly device: string;
  readonly user: string;
  readonly pattern: 'XK' | 'IK';
  readonly generation: 'records' | 'plaintext';
  readonly capabilities: readonly string[];
  readonly noiseKeyVersion: number;
}
export interface SessionClosed {
  readonly type: 'session.closed';
  readonly device: string;
  readonly reason: string;
}
/**
 * Every session that was opened before this event and is not named here was closed before it, and every call that is not
 * named had ended. The newest one of the stream `sessions` is where a server looks for those that a crash left open.
 */
export interface SessionsNoted {
  readonly type: 'sessions.noted';
  readonly open: readonly (readonly [session: string, device: string])[];
  /** Streams of calls; null: noted by a version that did not look at calls. */
  readonly calls: readonly StreamName[] | null;
}
/** Written by nobody: a log names the events that it may hold, and earlier versions named this one. */
export interface HandshakeRejected {
  readonly type: 'handshake.rejected';
  readonly reason: string;
  readonly device: string | null;
}
export interface SecretRotated {
  readonly type: 'secret.rotated';
  readonly version: number;
  /** Public part only, hex. */
  readonly publicKey: string;
}
/**
 * Why a history began:
 * - `created`: the log is new, or was written by a version that did not name histories
 * - `copied`: the files are not the ones that were written: a backup was restored, or the folder copied
 * - `restored`: the operator said so
 * - `lost`: what was known of the history is gone
 */
export type HistoryCause = 'created' | 'copied' | 'restored' | 'lost';
/**
 * The log's history begins, or goes on in another way than before: this log is a copy or a restored backup, and what its
 * original took afterwards is unknown here. Stream `history`.
 */
export interface HistoryBegun {
  readonly type: 'history.begun';
  /** 32 hex digits. */
  readonly epoch: string;
  readonly cause: HistoryCause;
  /** Inbox numbers that every device's mailbox skips, because an earlier history may have used them. */
  readonly gap: number;
}
export interface CallOffered {
  readonly type: 'call.offered';
  readonly call: string;
  readonly channel: string;
  readonly initiator: string;
  readonly participants: readonly string[];
  readonly mode: 'full_duplex' | 'half_duplex';
  readonly video: boolean;
}
export interface CallAnswered {
  readonly type: 'call.answered';
  readonly device: string;
  readonly accept: boolean;
  readonly reason: string | null;
}
export interface CallTransportUpdated {
  readonly type: 'call.transport_updated';
  readonly device: string;
  readonly update: string;
}
export interface CallLeft {
  readonly type: 'call.left';
  readonly device: string;
  readonly reason: string;
  readonly cause: 'request' | 'disconnect';
}
export interface CallEnded {
  readonly type: 'call.ended';
  readonly reason: string;
}

export type FactEvent =
  | HandleReserved
  | UserRegistered
  | UserProfileChanged
  | UserDeviceAdded
  | DeviceRegistered
  | DeviceCertificateIssued
  | ChannelOpened
  | ChannelDevicesListed
  | ChannelJoined
  | ChannelLeft
  | GroupCreated
  | GroupMemberInvited
  | GroupMemberJoined
  | GroupMemberPaused
  | GroupMemberLeft
  | GroupMemberRemoved
  | GroupRoleChanged
  | GroupEnded
  | SessionOpened
  | SessionClosed
  | SessionsNoted
  | HandshakeRejected
  | SecretRotated
  | HistoryBegun
  | CallOffered
  | CallAnswered
  | CallTransportUpdated
  | CallLeft
  | CallEnded;
