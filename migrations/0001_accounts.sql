-- Read models: views of the event log. Every row can be dropped and rebuilt from position 0, nothing decides by them.
-- No foreign keys and no uniqueness beyond the keys: what may be is decided where the facts are made; a second
-- opinion here could only stop the view. Positions are positions of the log.

-- Up Migration

CREATE TABLE users (
  user_id         text PRIMARY KEY,
  handle          text NOT NULL,
  domain          text NOT NULL,
  display_name    text,
  avatar_url      text,
  registered_at   timestamptz NOT NULL,
  updated_at      timestamptz NOT NULL
);
CREATE INDEX users_handle ON users (handle, domain);

CREATE TABLE devices (
  device_id       text PRIMARY KEY,
  user_id         text NOT NULL,
  public_key      bytea NOT NULL,
  status          text NOT NULL,
  approved_by     text NOT NULL,
  registered_at   timestamptz NOT NULL,
  updated_at      timestamptz NOT NULL
);
CREATE INDEX devices_user ON devices (user_id);

-- A serial is an unsigned 64-bit number, beyond bigint.
CREATE TABLE device_certificates (
  device_id       text NOT NULL,
  revision        bigint NOT NULL,
  serial          numeric(20) NOT NULL,
  public_key      bytea NOT NULL,
  issued_at       timestamptz NOT NULL,
  expires_at      timestamptz NOT NULL,
  recorded_at     timestamptz NOT NULL,
  PRIMARY KEY (device_id, revision)
);
CREATE INDEX device_certificates_serial ON device_certificates (serial);

CREATE TABLE device_key_events (
  device_id       text NOT NULL,
  revision        bigint NOT NULL,
  kind            text NOT NULL,
  public_key      bytea NOT NULL,
  position        bigint NOT NULL,
  recorded_at     timestamptz NOT NULL,
  PRIMARY KEY (device_id, revision)
);
CREATE INDEX device_key_events_position ON device_key_events (position);

-- Down Migration

DROP TABLE device_key_events;
DROP TABLE device_certificates;
DROP TABLE devices;
DROP TABLE users;
