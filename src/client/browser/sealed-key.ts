import { ClientError } from '../values/client-error.ts';

/** A secret encrypted under a key that the browser uses but does not hand out. All of it can be stored in IndexedDB. */
export interface SealedKey {
  /** AES-256-GCM, not extractable. */
  readonly wrappingKey: CryptoKey;
  readonly nonce: Uint8Array<ArrayBuffer>;
  readonly ciphertext: ArrayBuffer;
}

const ALGORITHM = 'AES-GCM';
const KEY_BITS = 256;
const NONCE_BYTES = 12;

/** Encrypts a secret under a fresh key. @throws ClientError code `CLIENT_OPTIONS` outside a secure context */
export async function sealKey(secret: Uint8Array): Promise<SealedKey> {
  const subtle = webCrypto();
  const wrappingKey = await subtle.generateKey({ name: ALGORITHM, length: KEY_BITS }, false, [
    'encrypt',
    'decrypt',
  ]);
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const ciphertext = await subtle.encrypt(
    { name: ALGORITHM, iv: nonce },
    wrappingKey,
    new Uint8Array(secret),
  );
  return { wrappingKey, nonce, ciphertext };
}

/** @throws ClientError code `CLIENT_STORE` when the parts do not belong together */
export async function openSeal({ wrappingKey, nonce, ciphertext }: SealedKey): Promise<Uint8Array> {
  try {
    const secret = await webCrypto().decrypt({ name: ALGORITHM, iv: nonce }, wrappingKey, ciphertext);
    return new Uint8Array(secret);
  } catch (cause) {
    if (cause instanceof ClientError) throw cause;
    throw new ClientError('CLIENT_STORE', 'the stored private key cannot be decrypted', { cause });
  }
}

function webCrypto(): SubtleCrypto {
  // Undefined on pages from http, whatever the type says.
  const { subtle } = crypto as { subtle?: SubtleCrypto };
  if (subtle === undefined) {
    throw new ClientError('CLIENT_OPTIONS', 'keys are stored by pages from https only');
  }
  return subtle;
}
