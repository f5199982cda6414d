export { addressOf, type Config, type PostgresChoice, postgresChoice } from './config.ts';
export { ConfigError, type ConfigProblem } from './config-error.ts';
export { type DevIdentity, type DevIdentityOptions, ensureDevIdentity } from './dev-identity.ts';
export { type ExposedFile, exposedFiles } from './exposed-files.ts';
export { loadFederationSeed } from './federation-seed.ts';
export { type LoadConfigOptions, loadConfig } from './load-config.ts';
export { loadNoiseKeys, type NoiseKey } from './noise-keys.ts';
export { OPERATOR_DEFAULT } from './schema.ts';
export { ensureSecretFile, readSecretFile } from './secret-file.ts';
