import type { Config } from '../config/index.ts';
import type { Random } from '../ports/ports.ts';
import { fromHex } from '../protocol/bytes.ts';
import { ensureSecretFile } from './secret-file.ts';

/** Bytes of a new seed, and the least that is accepted. PROTOCOL.md 3.2. */
const SEED_LENGTH = 32;

/**
 * The seed of the key that signs device certificates: from the configuration, or from `crypto.federation_seed_file`,
 * which is created when it does not exist.
 * @throws SecretFileError when the file is readable by others or holds something else.
 */
export function loadFederationSeed(
  crypto: Pick<Config['crypto'], 'federationSeed' | 'federationSeedFile'>,
  random: Random,
): Uint8Array {
  if (crypto.federationSeed !== undefined) return fromHex(crypto.federationSeed);
  return ensureSecretFile(crypto.federationSeedFile, SEED_LENGTH, random);
}
