export { addressOf, type Config, type PostgresChoice, postgresChoice } from './config.ts';
export { ConfigError, type ConfigProblem } from './config-error.ts';
export { type ExposedFile, exposedFiles } from './exposed-files.ts';
export { type LoadConfigOptions, loadConfig } from './load-config.ts';
export { OPERATOR_DEFAULT } from './schema.ts';
