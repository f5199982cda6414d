/** What one side says to the other: the envelope of docs/client.md, and what kind of letter it is. */
export interface Letter {
  /** Device id of the sender. */
  readonly from: string;
  readonly id: string;
  /** RFC 3339, by the sender's clock. */
  readonly sent_at: string;
  /** `here`: the guest has come. `said`: a text. */
  readonly kind: 'here' | 'said';
  readonly body: string;
}

export function letterFrom(from: string, kind: Letter['kind'], body: string): Letter {
  return { from, id: crypto.randomUUID(), sent_at: new Date().toISOString(), kind, body };
}

const NONCE_BYTES = 12;

/** Encrypts a letter from one device to another: the server relays bytes that it cannot read. */
export async function seal(key: CryptoKey, from: string, to: string, letter: Letter): Promise<Uint8Array> {
  const iv = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const plaintext = new TextEncoder().encode(JSON.stringify(letter));
  const algorithm = { name: 'AES-GCM', iv, additionalData: context(from, to) };
  const ciphertext = new Uint8Array(await crypto.subtle.encrypt(algorithm, key, plaintext));
  const bytes = new Uint8Array(NONCE_BYTES + ciphertext.length);
  bytes.set(iv);
  bytes.set(ciphertext, NONCE_BYTES);
  return bytes;
}

/** Undefined when the bytes are not a letter under this key from one device to the other. */
export async function open(
  key: CryptoKey,
  from: string,
  to: string,
  bytes: Uint8Array,
): Promise<Letter | undefined> {
  const [iv, ciphertext] = [bytes.slice(0, NONCE_BYTES), bytes.slice(NONCE_BYTES)];
  try {
    const algorithm = { name: 'AES-GCM', iv, additionalData: context(from, to) };
    const plaintext = await crypto.subtle.decrypt(algorithm, key, ciphertext);
    return JSON.parse(new TextDecoder().decode(plaintext)) as Letter;
  } catch {
    // Somebody else's bytes, or damaged ones: either way nothing to show.
    return undefined;
  }
}

/** Binds a letter to its direction, so that nobody can send it back as an answer. */
function context(from: string, to: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${from} ${to}`);
}
