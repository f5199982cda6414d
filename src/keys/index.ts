export { type DevIdentity, type DevIdentityOptions, ensureDevIdentity } from './dev-identity.ts';
export { loadFederationSeed } from './federation-seed.ts';
export { type NoiseKey, type NoiseKeyring, noiseKeyJson } from './noise-keyring.ts';
export { addNoiseKey, loadNoiseKeys, type NoiseKeySource, readNoiseKeys } from './noise-keys.ts';
export { ensureSecretFile, readSecretFile } from './secret-file.ts';
