-- Up Migration

-- position: every event up to here is in the rows. event_time: the newest recordedAt among those events, the clock by
-- which rows expire; it survives a rebuild, so that a rebuild drops what the rows before it had dropped.
CREATE TABLE projection_checkpoint (
  projection      text PRIMARY KEY,
  version         integer NOT NULL,
  position        bigint NOT NULL,
  event_time      timestamptz NOT NULL,
  error           text
);

-- Down Migration

DROP TABLE projection_checkpoint;
