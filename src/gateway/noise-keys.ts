import { toHex } from '../protocol/bytes.ts';
import type { KeyPair } from '../protocol/crypto-backend.ts';
import type { JsonObject } from '../protocol/json.ts';

/** One version of the server's Noise static key. Times are milliseconds since the Unix epoch. PROTOCOL.md 3.2. */
export interface NoiseKey {
  /** 1 or more, larger for newer keys. */
  readonly version: number;
  /** X25519. */
  readonly keyPair: KeyPair;
  readonly validAfter: number;
  readonly rotatesAt: number;
  readonly expiresAt: number;
}

export interface NoiseKeyring {
  /** The keys that may be used now, newest first, at least one. */
  active(): readonly [NoiseKey, ...NoiseKey[]];
}

/** The public side of the keys as `/api/server-info` and the handshake ACK show it. PROTOCOL.md 3.3. */
export function noiseKeysJson(keys: readonly NoiseKey[]): readonly JsonObject[] {
  return keys.map((key) => ({
    expires_at: rfc3339(key.expiresAt),
    public: toHex(key.keyPair.publicKey),
    rotates_at: rfc3339(key.rotatesAt),
    valid_after: rfc3339(key.validAfter),
    version: key.version,
  }));
}

/** RFC 3339 as the reference spells it: offset `+00:00`, a fraction only when there is one. PROTOCOL.md 3.3. */
export function rfc3339(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/(?:\.000)?Z$/, '+00:00');
}

/** `keepalive_interval` in seconds for the setting `server.keepalive`. PROTOCOL.md 2.8. */
export function keepaliveInterval(keepaliveSeconds: number): number {
  return Math.max(5, Math.floor(keepaliveSeconds / 2));
}
