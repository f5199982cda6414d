import { CRYPTO_LENGTHS } from '../crypto-backend.ts';

const { KEY, TAG } = CRYPTO_LENGTHS;

/** The steps of a message in the Noise specification. */
export type Token = 'e' | 's' | 'ee' | 'es' | 'se' | 'ss';

/**
 * The patterns that CCP-1 names (PROTOCOL.md "Noise"), revision 34 of the Noise specification. Both have the
 * pre-message `<- s`; messages alternate and the initiator writes the first.
 */
export const NOISE_PATTERNS = {
  XK: {
    name: 'Noise_XK_25519_ChaChaPoly_BLAKE2s',
    messages: [
      ['e', 'es'],
      ['e', 'ee'],
      ['s', 'se'],
    ],
  },
  IK: {
    name: 'Noise_IK_25519_ChaChaPoly_BLAKE2s',
    messages: [
      ['e', 'es', 's', 'ss'],
      ['e', 'ee', 'se'],
    ],
  },
} as const satisfies Record<string, { name: string; messages: readonly (readonly Token[])[] }>;

/** The name of a Noise pattern: a key of `NOISE_PATTERNS`. */
export type NoisePattern = keyof typeof NOISE_PATTERNS;

/** Bytes of a message beside its payload. In XK and IK a key exists before each static key and each payload, so both carry a tag. */
export function messageOverhead(tokens: readonly Token[]): number {
  let length = TAG;
  if (tokens.includes('e')) length += KEY;
  if (tokens.includes('s')) length += KEY + TAG;
  return length;
}
