import { hash } from 'node:crypto';
import { toHex } from '../../protocol/bytes.ts';
import { addressKey } from './address-key.ts';

export const PEER_SALT_BYTES = 32;
const TAG_DIGITS = 12;

/**
 * Names addresses in logs without showing them: a hash under a salt that is drawn for each process and kept nowhere. Lines about one
 * peer can be matched while the process lives; the small space of addresses cannot be searched without the salt.
 */
export function createPeerTag(salt: Uint8Array): (address: string) => string {
  const prefix = toHex(salt);
  return (address) => hash('sha256', prefix + addressKey(address)).slice(0, TAG_DIGITS);
}
