import type { Config } from '../config/index.ts';
import { CommuCatError } from '../ports/commucat-error.ts';
import type { Clock, Random } from '../ports/ports.ts';
import { fromHex, toHex } from '../protocol/bytes.ts';
import type { CryptoBackend, KeyPair } from '../protocol/crypto-backend.ts';
import type { NoiseKey } from './noise-keyring.ts';
import { createSecretFile, readSecretFile, replaceSecretFile } from './secret-file.ts';

/** The keys of the tunnel cannot be used: `NOISE_KEYS_INVALID`. The message contains no key. */
export class NoiseKeyError extends CommuCatError {
  constructor(message: string) {
    super('NOISE_KEYS_INVALID', message);
  }
}

/** A handshake tries every version in use: their number bounds what a stranger's message costs. */
export const MAX_NOISE_KEYS = 8;

export interface NoiseKeySource {
  readonly crypto: Pick<Config['crypto'], 'noisePrivate' | 'noisePublic' | 'noiseKeyFile'>;
  readonly backend: Pick<CryptoBackend, 'x25519Public'>;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * The versions in use, newest first, at least one: the pair of the configuration as version 1, or all of
 * `crypto.noise_key_file`, which is created with a random key when it does not exist.
 * @throws NoiseKeyError when the pair does not belong together or the file is damaged.
 * @throws SecretFileError when the file is readable by others.
 */
export function loadNoiseKeys(source: NoiseKeySource): readonly NoiseKey[] {
  const { noiseKeyFile } = source.crypto;
  const known = readNoiseKeys(source);
  if (known !== undefined) return known;
  const first = createKey(source, 1);
  if (createSecretFile(noiseKeyFile, line(first), source.random)) return [first];
  return parseKeys(source, readSecretFile(noiseKeyFile) ?? '');
}

/**
 * As `loadNoiseKeys`, but creates nothing: undefined when there is no file yet.
 * @throws NoiseKeyError, SecretFileError
 */
export function readNoiseKeys(source: NoiseKeySource): readonly NoiseKey[] | undefined {
  const { noisePrivate, noisePublic, noiseKeyFile } = source.crypto;
  if (noisePrivate !== undefined) return [configuredKey(source, noisePrivate, noisePublic ?? '')];
  const content = readSecretFile(noiseKeyFile);
  return content === undefined ? undefined : parseKeys(source, content);
}

/**
 * Adds a version with a random key to `crypto.noise_key_file` and drops the oldest beyond `MAX_NOISE_KEYS`. A running
 * server goes on with the versions that it has loaded.
 * @returns the versions in use from now on, newest first
 * @throws NoiseKeyError when the configuration names a fixed pair.
 */
export function addNoiseKey(source: NoiseKeySource): readonly NoiseKey[] {
  if (source.crypto.noisePrivate !== undefined) {
    throw new NoiseKeyError(
      'crypto.noise_private fixes the key; remove the pair to use crypto.noise_key_file',
    );
  }
  const known = loadNoiseKeys(source);
  const added = createKey(source, (known[0]?.version ?? 0) + 1);
  const keys = [added, ...known].slice(0, MAX_NOISE_KEYS);
  const content = keys.toReversed().map(line).join('');
  replaceSecretFile(source.crypto.noiseKeyFile, content, source.random);
  return keys;
}

/** The pair has no time of creation: it counts as created when it is loaded. */
function configuredKey(source: NoiseKeySource, privateHex: string, publicHex: string): NoiseKey {
  const privateKey = fromHex(privateHex);
  const publicKey = source.backend.x25519Public(privateKey);
  const expected = toHex(publicKey);
  if (publicHex.toLowerCase() !== expected) {
    throw new NoiseKeyError(
      `crypto.noise_public does not belong to crypto.noise_private; its public key is ${expected}`,
    );
  }
  return keyOf(1, { privateKey, publicKey }, source.clock.now());
}

/** Published as the end of a key's life, a hundred years: older clients pin the first one for ever. PROTOCOL.md 3.2. */
const LIFE_MS = 3_155_760_000_000;

function keyOf(version: number, keyPair: KeyPair, createdAt: number): NoiseKey {
  const end = createdAt + LIFE_MS;
  return { version, keyPair, validAfter: createdAt, rotatesAt: end, expiresAt: end };
}

function createKey({ backend, clock, random }: NoiseKeySource, version: number): NoiseKey {
  const privateKey = random.bytes(32);
  return keyOf(version, { privateKey, publicKey: backend.x25519Public(privateKey) }, clock.now());
}

function line(key: NoiseKey): string {
  const fields = {
    version: key.version,
    private: toHex(key.keyPair.privateKey),
    created_at: new Date(key.validAfter).toISOString(),
  };
  return `${JSON.stringify(fields)}\n`;
}

function parseKeys(source: NoiseKeySource, content: string): readonly NoiseKey[] {
  const file = source.crypto.noiseKeyFile;
  const keys = content.split('\n').flatMap((text, index) => {
    if (text.trim() === '') return [];
    const key = parseKey(source, text);
    if (key === undefined) {
      const allowed = '{"version":1,"private":"<64 hexadecimal digits>","created_at":"<RFC 3339>"}';
      throw new NoiseKeyError(`${file}:${index + 1}: not a key; allowed: ${allowed}`);
    }
    return [key];
  });
  if (keys.length === 0) throw new NoiseKeyError(`${file} holds no key; remove it to have one created`);
  if (keys.length > MAX_NOISE_KEYS) throw new NoiseKeyError(`${file} holds more than ${MAX_NOISE_KEYS} keys`);
  if (new Set(keys.map((key) => key.version)).size < keys.length) {
    throw new NoiseKeyError(`${file} holds a version twice`);
  }
  return keys.sort((a, b) => b.version - a.version);
}

function parseKey({ backend }: NoiseKeySource, text: string): NoiseKey | undefined {
  const fields = jsonObject(text);
  const { version, private: privateHex, created_at: created } = fields ?? {};
  if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 1) return undefined;
  if (typeof privateHex !== 'string' || !/^[0-9a-fA-F]{64}$/.test(privateHex)) return undefined;
  const createdAt = typeof created === 'string' ? Date.parse(created) : Number.NaN;
  if (Number.isNaN(createdAt)) return undefined;
  const privateKey = fromHex(privateHex);
  return keyOf(version, { privateKey, publicKey: backend.x25519Public(privateKey) }, createdAt);
}

function jsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    // The parser's message would quote the key.
    return undefined;
  }
}
