import { toHex } from '../protocol/bytes.ts';
import type { KeyPair } from '../protocol/crypto-backend.ts';
import type { JsonObject } from '../protocol/json/json.ts';

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

export interface ShownNoiseKey extends JsonObject {
  readonly expires_at: string;
  readonly public: string;
  readonly rotates_at: string;
  readonly valid_after: string;
  readonly version: number;
}

/** Keys change seldom, and every handshake shows them. */
const SHOWN = new WeakMap<NoiseKey, ShownNoiseKey>();

/** The public side of a key as `/api/server-info` and the handshake ACK show it. PROTOCOL.md 3.3. */
export function noiseKeyJson(key: NoiseKey): ShownNoiseKey {
  let shown = SHOWN.get(key);
  if (shown === undefined) {
    shown = {
      expires_at: rfc3339(key.expiresAt),
      public: toHex(key.keyPair.publicKey),
      rotates_at: rfc3339(key.rotatesAt),
      valid_after: rfc3339(key.validAfter),
      version: key.version,
    };
    SHOWN.set(key, shown);
  }
  return shown;
}

/** RFC 3339 as the reference spells it: offset `+00:00`, a fraction only when there is one. PROTOCOL.md 3.3. */
function rfc3339(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/(?:\.000)?Z$/, '+00:00');
}
