export { type DevIdentity, type DevIdentityOptions, ensureDevIdentity } from './dev-identity.ts';
export { loadFederationSeed } from './federation-seed.ts';
export { type ActiveNoiseKey, type NoiseKeyring, noiseKeyJson } from './noise-keyring.ts';
export { loadNoiseKeys, type NoiseKey } from './noise-keys.ts';
export { ensureSecretFile, readSecretFile } from './secret-file.ts';
