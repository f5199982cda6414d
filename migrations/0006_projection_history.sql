-- Up Migration

-- epoch: the history of the log that the rows were made from. anchor: a fact that was in it at or below `position`, and
-- its hash. Rows of another history, or of another log, are dropped and built again. NULL: written by an older release.
ALTER TABLE projection_checkpoint
  ADD COLUMN epoch           text,
  ADD COLUMN anchor_position bigint,
  ADD COLUMN anchor_hash     text;

-- Down Migration

ALTER TABLE projection_checkpoint
  DROP COLUMN epoch,
  DROP COLUMN anchor_position,
  DROP COLUMN anchor_hash;
