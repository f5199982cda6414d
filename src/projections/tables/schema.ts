/**
 * The tables of `migrations/` as types. Numbers from bigint columns arrive as JavaScript numbers (see `postgres.ts`):
 * positions, revisions and 32-bit serial numbers stay below 2^53. A certificate's serial does not: it is a string.
 */

export interface UserRow {
  readonly user_id: string;
  readonly handle: string;
  readonly domain: string;
  readonly display_name: string | null;
  readonly avatar_url: string | null;
  readonly registered_at: Date;
  readonly updated_at: Date;
}
export interface DeviceRow {
  readonly device_id: string;
  readonly user_id: string;
  readonly public_key: Buffer;
  readonly status: string;
  readonly approved_by: string;
  readonly registered_at: Date;
  readonly updated_at: Date;
}
export interface DeviceCertificateRow {
  readonly device_id: string;
  readonly revision: number;
  readonly serial: string;
  readonly public_key: Buffer;
  readonly issued_at: Date;
  readonly expires_at: Date;
  readonly recorded_at: Date;
}
export interface DeviceKeyEventRow {
  readonly device_id: string;
  readonly revision: number;
  readonly kind: string;
  readonly public_key: Buffer;
  readonly position: number;
  readonly recorded_at: Date;
}
export interface SessionRow {
  readonly session_hash: string;
  readonly device_id: string;
  readonly user_id: string;
  readonly pattern: string;
  readonly generation: string;
  /** JSON. */
  readonly capabilities: unknown;
  readonly noise_key_version: number;
  readonly opened_at: Date;
  readonly closed_at: Date | null;
  readonly close_reason: string | null;
}
export interface ChannelRow {
  readonly channel_key: string;
  readonly number: number;
  readonly creator: string;
  readonly relay: boolean;
  readonly open: boolean;
  readonly opened_at: Date;
  readonly updated_at: Date;
}
export interface ChannelMemberRow {
  readonly channel_key: string;
  readonly device_id: string;
  readonly state: 'joined' | 'listed' | 'left';
  readonly listed_by: string | null;
  readonly updated_at: Date;
}
export interface GroupRow {
  readonly group_id: string;
  readonly channel_key: string;
  readonly number: number;
  readonly owner: string;
  readonly relay: boolean;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly ended_at: Date | null;
}
export interface GroupMemberRow {
  readonly group_id: string;
  readonly device_id: string;
  readonly role: 'owner' | 'admin' | 'member';
  readonly standing: 'invited' | 'joined' | 'paused';
  readonly invited_by: string | null;
  readonly updated_at: Date;
}
export interface CallRow {
  readonly call_key: string;
  readonly call_id: string;
  readonly channel_key: string;
  readonly initiator: string;
  /** JSON. */
  readonly participants: unknown;
  readonly mode: string;
  readonly video: boolean;
  readonly offered_at: Date;
  readonly answered_at: Date | null;
  readonly ended_at: Date | null;
  readonly end_reason: string | null;
}
export interface RelayQueueRow {
  readonly device_id: string;
  readonly inbox_number: number;
  readonly channel_key: string;
  readonly mail_revision: number;
  readonly channel_number: number;
  readonly frame_type: number;
  readonly sender: string;
  readonly payload_bytes: number;
  readonly expires_at: Date;
}
export interface InboxOffsetRow {
  readonly device_id: string;
  readonly confirmed: number;
  readonly next: number;
  readonly received: number;
  readonly updated_at: Date;
}
export interface ProjectionCheckpointRow {
  readonly projection: string;
  readonly version: number;
  readonly position: number;
  readonly event_time: Date;
  readonly error: string | null;
  readonly epoch: string | null;
  readonly anchor_position: number | null;
  readonly anchor_hash: string | null;
}

export interface ReadModels {
  users: UserRow;
  devices: DeviceRow;
  device_certificates: DeviceCertificateRow;
  device_key_events: DeviceKeyEventRow;
  sessions: SessionRow;
  channels: ChannelRow;
  channel_members: ChannelMemberRow;
  groups: GroupRow;
  group_members: GroupMemberRow;
  calls: CallRow;
  relay_queue: RelayQueueRow;
  inbox_offset: InboxOffsetRow;
  projection_checkpoint: ProjectionCheckpointRow;
}

export type TableName = keyof ReadModels;
type PgType =
  | 'text'
  | 'bytea'
  | 'timestamptz'
  | 'bigint'
  | 'integer'
  | 'smallint'
  | 'numeric'
  | 'boolean'
  | 'jsonb';

/** The type of each column, for inserts that pass one array per column. */
export const COLUMN_TYPES: { readonly [T in TableName]: { readonly [C in keyof ReadModels[T]]: PgType } } = {
  users: {
    user_id: 'text',
    handle: 'text',
    domain: 'text',
    display_name: 'text',
    avatar_url: 'text',
    registered_at: 'timestamptz',
    updated_at: 'timestamptz',
  },
  devices: {
    device_id: 'text',
    user_id: 'text',
    public_key: 'bytea',
    status: 'text',
    approved_by: 'text',
    registered_at: 'timestamptz',
    updated_at: 'timestamptz',
  },
  device_certificates: {
    device_id: 'text',
    revision: 'bigint',
    serial: 'numeric',
    public_key: 'bytea',
    issued_at: 'timestamptz',
    expires_at: 'timestamptz',
    recorded_at: 'timestamptz',
  },
  device_key_events: {
    device_id: 'text',
    revision: 'bigint',
    kind: 'text',
    public_key: 'bytea',
    position: 'bigint',
    recorded_at: 'timestamptz',
  },
  sessions: {
    session_hash: 'text',
    device_id: 'text',
    user_id: 'text',
    pattern: 'text',
    generation: 'text',
    capabilities: 'jsonb',
    noise_key_version: 'bigint',
    opened_at: 'timestamptz',
    closed_at: 'timestamptz',
    close_reason: 'text',
  },
  channels: {
    channel_key: 'text',
    number: 'bigint',
    creator: 'text',
    relay: 'boolean',
    open: 'boolean',
    opened_at: 'timestamptz',
    updated_at: 'timestamptz',
  },
  channel_members: {
    channel_key: 'text',
    device_id: 'text',
    state: 'text',
    listed_by: 'text',
    updated_at: 'timestamptz',
  },
  groups: {
    group_id: 'text',
    channel_key: 'text',
    number: 'bigint',
    owner: 'text',
    relay: 'boolean',
    created_at: 'timestamptz',
    updated_at: 'timestamptz',
    ended_at: 'timestamptz',
  },
  group_members: {
    group_id: 'text',
    device_id: 'text',
    role: 'text',
    standing: 'text',
    invited_by: 'text',
    updated_at: 'timestamptz',
  },
  calls: {
    call_key: 'text',
    call_id: 'text',
    channel_key: 'text',
    initiator: 'text',
    participants: 'jsonb',
    mode: 'text',
    video: 'boolean',
    offered_at: 'timestamptz',
    answered_at: 'timestamptz',
    ended_at: 'timestamptz',
    end_reason: 'text',
  },
  relay_queue: {
    device_id: 'text',
    inbox_number: 'bigint',
    channel_key: 'text',
    mail_revision: 'bigint',
    channel_number: 'bigint',
    frame_type: 'smallint',
    sender: 'text',
    payload_bytes: 'bigint',
    expires_at: 'timestamptz',
  },
  inbox_offset: {
    device_id: 'text',
    confirmed: 'bigint',
    next: 'bigint',
    received: 'bigint',
    updated_at: 'timestamptz',
  },
  projection_checkpoint: {
    projection: 'text',
    version: 'integer',
    position: 'bigint',
    event_time: 'timestamptz',
    error: 'text',
    epoch: 'text',
    anchor_position: 'bigint',
    anchor_hash: 'text',
  },
};
