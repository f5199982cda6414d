import { callsProjection } from './calls.ts';
import { channelsProjection } from './channels.ts';
import { devicesProjection } from './devices.ts';
import { groupsProjection } from './groups.ts';
import { mailProjection } from './mail.ts';
import type { Projection } from './projection.ts';
import { sessionsProjection } from './sessions.ts';
import { usersProjection } from './users.ts';

export { type Misfit, misfitOf } from './anchor.ts';
export { type CheckpointFacts, readIn } from './checkpoints.ts';
export {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  embeddedPostgresDsn,
  startEmbeddedPostgres,
} from './embedded-postgres.ts';
export { migrate } from './migrate.ts';
export type { ProjectionLogger, ProjectionMetrics } from './ports.ts';
export { openPostgres, type PostgresOptions } from './postgres.ts';
export type { Projection } from './projection.ts';
export {
  type ProjectionOptions,
  type ProjectionRunner,
  type ProjectionStatus,
  rebuildProjections,
  runProjections,
} from './runner.ts';

/** All read models. */
export const READ_MODELS: readonly Projection[] = [
  usersProjection,
  devicesProjection,
  sessionsProjection,
  channelsProjection,
  groupsProjection,
  callsProjection,
  mailProjection,
];
