import type { Config } from '../../src/config/index.ts';
import { sodiumBackend } from '../../src/crypto/index.ts';
import {
  addNoiseKey,
  loadFederationSeed,
  type NoiseKey,
  type NoiseKeySource,
  readNoiseKeys,
  readSecretFile,
} from '../../src/keys/index.ts';
import { openSegmentLog } from '../../src/log/segments/open-segment-log.ts';
import { toHex } from '../../src/protocol/bytes.ts';
import { deriveAuthorityKey } from '../../src/protocol/identity/keys.ts';
import { loadServerKeys } from '../../src/server/server-keys.ts';
import { systemClock, systemRandom } from '../../src/system/index.ts';
import { logFolder } from '../log/log-check.ts';

/** A version of the server's static key, without its secret. */
export interface ListedKey {
  readonly version: number;
  /** 64 hexadecimal digits. */
  readonly public: string;
  /** RFC 3339. */
  readonly created: string;
}

export interface ServerKeyList {
  /** Of the tunnel, newest first; clients pin one of them. Empty: a start makes the first. */
  readonly noise: readonly ListedKey[];
  /** Public key that signs the certificates of devices, 64 hexadecimal digits; null: a start makes it. */
  readonly authority: string | null;
}

/** The public parts of a server's long-lived keys, as its configuration and files have them. Changes nothing. */
export function listKeys(config: Config): ServerKeyList {
  const { federationSeed, federationSeedFile } = config.crypto;
  const hasSeed = federationSeed !== undefined || readSecretFile(federationSeedFile) !== undefined;
  const authority = hasSeed
    ? toHex(deriveAuthorityKey(sodiumBackend, loadFederationSeed(config.crypto, systemRandom)).publicKey)
    : null;
  return { noise: (readNoiseKeys(sourceOf(config)) ?? []).map(listed), authority };
}

/**
 * Adds a version to the static keys of the tunnel, and notes it in the log, whose server must be stopped. The older versions
 * stay good: clients have pinned them.
 *
 * @returns the versions from now on, newest first
 * @throws LogError `LOG_LOCKED`, NoiseKeyError, ServerKeysError
 */
export async function rotateKeys(config: Config): Promise<readonly ListedKey[]> {
  const directory = await logFolder(config.storage.dataDir);
  await using log = await openSegmentLog({
    directory,
    clock: systemClock,
    segmentSize: config.log.segmentBytes,
  });
  const options = { config, log, backend: sodiumBackend, clock: systemClock, random: systemRandom };
  // Those that are there must be the log's, before one is added to them.
  await loadServerKeys(options);
  addNoiseKey(sourceOf(config));
  return (await loadServerKeys(options)).noise.map(listed);
}

function sourceOf({ crypto }: Config): NoiseKeySource {
  return { crypto, backend: sodiumBackend, clock: systemClock, random: systemRandom };
}

function listed({ keyPair, validAfter, version }: NoiseKey): ListedKey {
  return { version, public: toHex(keyPair.publicKey), created: new Date(validAfter).toISOString() };
}
