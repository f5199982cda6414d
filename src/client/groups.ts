import type { Random } from '../ports/ports.ts';
import { toHex } from '../protocol/bytes.ts';
import { FRAME } from '../protocol/frames/frame-types.ts';
import type { JsonInput } from '../protocol/json/json.ts';
import { documentPayload } from './mail/payloads.ts';
import type { Receipt } from './mail/receipt.ts';
import { isJsonDocument, type Json, type JsonDocument } from './values/plain-json.ts';

/** What a member of a group may do (PROTOCOL.md 6.6). */
export type GroupRole = 'owner' | 'admin' | 'member';

/** Options of `client.groups.create`. */
export interface NewGroup {
  /** @default 256 random bits */
  readonly groupId?: string;
  /** Who is invited, all of them registered devices: as members, or by their role. @default nobody */
  readonly invited?: readonly string[] | Readonly<Record<string, Exclude<GroupRole, 'owner'>>>;
}

/** A change of a group that the server has carried out (PROTOCOL.md 6.7). */
export type GroupChange = { readonly groupId: string } & (
  | { readonly type: 'left' }
  | { readonly type: 'removed'; readonly device: string }
  | { readonly type: 'role-changed'; readonly device: string; readonly role: GroupRole }
);

/** What the groups of a client need of it. */
export interface GroupLink {
  post(type: number, channel: number, payload: Uint8Array): Promise<Receipt>;
  /** Sends a JOIN with this payload, and again after every reconnect. */
  join(channel: number, payload: Uint8Array): Promise<Receipt>;
  /** Joins again after a reconnect, without a JOIN now. */
  remember(channel: number, payload: Uint8Array): void;
  forget(channel: number): void;
  deviceId(): string | undefined;
}

const ID_BYTES = 32;
const ROLES: readonly string[] = ['owner', 'admin', 'member'] satisfies GroupRole[];
const LEFT = 'group-member-left';
const REMOVED = 'group-member-removed';
const ROLE_CHANGED = 'group-role-changed';

/**
 * Groups: channels whose members have roles and are kept by the server. Every call resolves when the change is in the
 * server's log, and rejects with `CLIENT_REFUSED` when the rules of PROTOCOL.md 6.6 do not allow it.
 */
export class ClientGroups {
  readonly #link: GroupLink;
  readonly #random: Random;

  constructor(link: GroupLink, random: Random) {
    this.#link = link;
    this.#random = random;
  }

  /**
   * Creates a group on a channel number that is free. Returns its id. The id is chosen here: should the connection break
   * before the answer, it is still known.
   */
  async create(channel: number, { groupId, invited = [] }: NewGroup = {}): Promise<string> {
    const id = groupId ?? toHex(this.#random.bytes(ID_BYTES));
    const roles = Array.isArray(invited) ? {} : (invited as Readonly<Record<string, GroupRole>>);
    const members = Array.isArray(invited) ? (invited as readonly string[]) : Object.keys(roles);
    await this.#post(FRAME.GROUP_CREATE, channel, { group_id: id, members, roles });
    this.#link.remember(channel, joinOf(id));
    return id;
  }

  /** Takes part in a group that has invited this device. */
  async join(channel: number, groupId: string): Promise<Receipt> {
    return this.#link.join(channel, joinOf(groupId));
  }

  invite(
    channel: number,
    groupId: string,
    device: string,
    role: Exclude<GroupRole, 'owner'> = 'member',
  ): Promise<Receipt> {
    return this.#post(FRAME.GROUP_INVITE, channel, { group_id: groupId, device, role });
  }

  /** Leaves the group for good, or declines its invitation. `client.leave` only pauses. */
  async leave(channel: number, groupId: string): Promise<Receipt> {
    const receipt = await this.#post(FRAME.GROUP_EVENT, channel, { type: LEFT, group_id: groupId });
    this.#link.forget(channel);
    return receipt;
  }

  remove(channel: number, groupId: string, device: string): Promise<Receipt> {
    return this.#post(FRAME.GROUP_EVENT, channel, { type: REMOVED, group_id: groupId, device });
  }

  /** With `owner` the group is passed on, and this device becomes an admin. */
  changeRole(channel: number, groupId: string, device: string, role: GroupRole): Promise<Receipt> {
    return this.#post(FRAME.GROUP_EVENT, channel, { type: ROLE_CHANGED, group_id: groupId, device, role });
  }

  /** A GROUP_EVENT has come: whoever was removed has nothing to join any more. */
  observe(channel: number, value: Json): void {
    const change = groupChangeOf(value);
    if (change?.type === 'removed' && change.device === this.#link.deviceId()) this.#link.forget(channel);
  }

  async #post(type: number, channel: number, value: JsonInput): Promise<Receipt> {
    return this.#link.post(type, channel, documentPayload(value));
  }
}

/** What the document of an event `groupEvent` changes; undefined when it is free-form, between the clients. */
export function groupChangeOf(value: Json): GroupChange | undefined {
  if (!isJsonDocument(value)) return undefined;
  const groupId = textMember(value, 'group_id');
  const device = textMember(value, 'device');
  if (groupId === undefined) return undefined;
  if (value.type === LEFT) return { type: 'left', groupId };
  if (device === undefined) return undefined;
  if (value.type === REMOVED) return { type: 'removed', groupId, device };
  const role = textMember(value, 'role');
  if (value.type !== ROLE_CHANGED || !isRole(role)) return undefined;
  return { type: 'role-changed', groupId, device, role };
}

function isRole(role: string | undefined): role is GroupRole {
  return role !== undefined && ROLES.includes(role);
}

function joinOf(groupId: string): Uint8Array {
  return documentPayload({ group_id: groupId });
}

function textMember(document: JsonDocument, key: string): string | undefined {
  const member = document[key];
  return typeof member === 'string' ? member : undefined;
}
