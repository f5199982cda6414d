import { createHmac } from 'node:crypto';
import type { Random } from '../protocol/ports.ts';
import { addressKey } from './address-key.ts';

const SALT_BYTES = 32;
const TAG_DIGITS = 12;

/**
 * Names addresses in logs without showing them: a hash under a salt that is drawn once and kept nowhere. Lines about one
 * peer can be matched while the process lives; the small space of addresses cannot be searched without the salt.
 */
export function createPeerTag(random: Random): (address: string) => string {
  const salt = random.bytes(SALT_BYTES);
  return (address) =>
    createHmac('sha256', salt).update(addressKey(address)).digest('hex').slice(0, TAG_DIGITS);
}
