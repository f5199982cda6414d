import { concatBytes, toHex, utf8 } from '../protocol/bytes.ts';
import type { CryptoBackend } from '../protocol/crypto-backend.ts';
import type { Random } from '../protocol/ports.ts';
import { addressKey } from './address-key.ts';

const SALT_BYTES = 32;
const TAG_BYTES = 6;

/**
 * Names addresses in logs without showing them: a hash under a salt that is drawn once and kept nowhere. Lines about one
 * peer can be matched while the process lives; the small space of addresses cannot be searched without the salt.
 */
export function createPeerTag(backend: CryptoBackend, random: Random): (address: string) => string {
  const salt = random.bytes(SALT_BYTES);
  return (address) =>
    toHex(backend.blake3(concatBytes(salt, utf8(addressKey(address)))).subarray(0, TAG_BYTES));
}
