-- Up Migration

-- Keyed by the hash of the session token; the token itself is nowhere on the server's disk.
CREATE TABLE sessions (
  session_hash      text PRIMARY KEY,
  device_id         text NOT NULL,
  user_id           text NOT NULL,
  pattern           text NOT NULL,
  generation        text NOT NULL,
  capabilities      jsonb NOT NULL,
  noise_key_version bigint NOT NULL,
  opened_at         timestamptz NOT NULL,
  closed_at         timestamptz,
  close_reason      text
);
CREATE INDEX sessions_device ON sessions (device_id);
CREATE INDEX sessions_opened ON sessions (opened_at);

CREATE TABLE channels (
  channel_key     text PRIMARY KEY,
  number          bigint NOT NULL,
  creator         text NOT NULL,
  relay           boolean NOT NULL,
  open            boolean NOT NULL,
  opened_at       timestamptz NOT NULL,
  updated_at      timestamptz NOT NULL
);
CREATE INDEX channels_creator ON channels (creator);

CREATE TABLE channel_members (
  channel_key     text NOT NULL,
  device_id       text NOT NULL,
  state           text NOT NULL CHECK (state IN ('joined', 'listed', 'left')),
  listed_by       text,
  updated_at      timestamptz NOT NULL,
  PRIMARY KEY (channel_key, device_id)
);
CREATE INDEX channel_members_device ON channel_members (device_id);

CREATE TABLE calls (
  call_key        text PRIMARY KEY,
  call_id         text NOT NULL,
  channel_key     text NOT NULL,
  initiator       text NOT NULL,
  participants    jsonb NOT NULL,
  mode            text NOT NULL,
  video           boolean NOT NULL,
  offered_at      timestamptz NOT NULL,
  answered_at     timestamptz,
  ended_at        timestamptz,
  end_reason      text
);
CREATE INDEX calls_channel ON calls (channel_key);
CREATE INDEX calls_offered ON calls (offered_at);

-- Down Migration

DROP TABLE calls;
DROP TABLE channel_members;
DROP TABLE channels;
DROP TABLE sessions;
