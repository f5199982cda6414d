export { type Misfit, misfitOf } from './engine/anchor.ts';
export { type CheckpointFacts, readIn } from './engine/checkpoints.ts';
export type { Projection } from './engine/projection.ts';
export {
  type ProjectionOptions,
  type ProjectionRunner,
  type ProjectionStatus,
  rebuildProjections,
  runProjections,
} from './engine/runner.ts';
export { READ_MODELS } from './models/all-models.ts';
export {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  embeddedPostgresDsn,
  startEmbeddedPostgres,
} from './postgres/embedded-postgres.ts';
export { migrate } from './postgres/migrate.ts';
export { openPostgres, type PostgresOptions } from './postgres/postgres.ts';
export { ReadModels, type ReadModelsOptions } from './read-models.ts';
export type { ProjectionLogger, ProjectionMetrics } from './tables/ports.ts';
