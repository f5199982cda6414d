export { addressOf, type Config, type PostgresChoice, postgresChoice } from './config.ts';
export { ConfigError, type ConfigProblem } from './config-error.ts';
export { type LoadConfigOptions, loadConfig } from './load-config.ts';
