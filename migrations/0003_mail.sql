-- Up Migration

-- One row per letter and device that has not confirmed it. Not the payload: it is opaque, the log keeps it for exactly
-- as long, and a copy here would outlive it in backups and in dead tuples. No log position either: the log may move an
-- undelivered letter to a newer one; the stream and the revision stay.
CREATE TABLE relay_queue (
  device_id       text NOT NULL,
  inbox_number    bigint NOT NULL,
  channel_key     text NOT NULL,
  mail_revision   bigint NOT NULL,
  channel_number  bigint NOT NULL,
  frame_type      smallint NOT NULL,
  sender          text NOT NULL,
  payload_bytes   bigint NOT NULL,
  expires_at      timestamptz NOT NULL,
  PRIMARY KEY (device_id, inbox_number)
);
CREATE INDEX relay_queue_expires ON relay_queue (expires_at);

-- The newest inbox.advanced of each device, as it stands in the log.
CREATE TABLE inbox_offset (
  device_id       text PRIMARY KEY,
  confirmed       bigint NOT NULL,
  next            bigint NOT NULL,
  received        bigint NOT NULL,
  updated_at      timestamptz NOT NULL
);

-- Whether inbox number a is b or comes before it, modulo 2^32 (RFC 1982).
CREATE FUNCTION serial_at_or_before(a bigint, b bigint) RETURNS boolean
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN ((b - a) & 4294967295) < 2147483648;

-- Down Migration

DROP FUNCTION serial_at_or_before(bigint, bigint);
DROP TABLE inbox_offset;
DROP TABLE relay_queue;
