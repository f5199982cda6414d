export { addressOf, type Config, type PostgresChoice, postgresChoice } from './config.ts';
export { ConfigError, type ConfigProblem } from './config-error.ts';
export { type DevIdentity, type DevIdentityOptions, ensureDevIdentity } from './dev-identity.ts';
export { loadFederationSeed } from './federation-seed.ts';
export { type LoadConfigOptions, loadConfig } from './load-config.ts';
export {
  addNoiseKey,
  loadNoiseKeys,
  type NoiseKey,
  NoiseKeyError,
  type NoiseKeySource,
} from './noise-keys.ts';
export { ensureSecretFile, SecretFileError } from './secret-file.ts';
