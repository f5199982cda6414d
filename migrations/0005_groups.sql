-- Up Migration

-- A group that has ended keeps its row, because its id stays taken; its members do not stay.
CREATE TABLE groups (
  group_id        text PRIMARY KEY,
  channel_key     text NOT NULL,
  number          bigint NOT NULL,
  owner           text NOT NULL,
  relay           boolean NOT NULL,
  created_at      timestamptz NOT NULL,
  updated_at      timestamptz NOT NULL,
  ended_at        timestamptz
);
CREATE INDEX groups_owner ON groups (owner);

CREATE TABLE group_members (
  group_id        text NOT NULL,
  device_id       text NOT NULL,
  role            text NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
  standing        text NOT NULL CHECK (standing IN ('invited', 'joined', 'paused')),
  invited_by      text,
  updated_at      timestamptz NOT NULL,
  PRIMARY KEY (group_id, device_id)
);
CREATE INDEX group_members_device ON group_members (device_id);

-- Down Migration

DROP TABLE group_members;
DROP TABLE groups;
