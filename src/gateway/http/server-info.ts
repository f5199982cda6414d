import type { Config } from '../../config/index.ts';
import { type NoiseKeyring, noiseKeyJson } from '../../keys/index.ts';
import { toHex } from '../../protocol/bytes.ts';
import { HANDSHAKE_PATTERNS } from '../../protocol/control/index.ts';
import type { JsonInput } from '../../protocol/json/json.ts';
import { SUPPORTED_VERSIONS } from '../../protocol/limits.ts';
import { keepaliveInterval } from '../sessions/keepalive-interval.ts';

/** The reference's defaults of `rotation.device`; this version does not offer the rotation itself. */
const DEVICE_ROTATION = { enabled: false, min_interval_seconds: 86_400, proof_ttl_seconds: 600 };
const NO_POST_QUANTUM = {
  enabled: false,
  kem_algorithm: null,
  kem_public_hex: null,
  signature_algorithm: null,
};

/** What a client asks before its first handshake. PROTOCOL.md 3.3. */
export function serverInfo(config: Config, keyring: NoiseKeyring, authorityPublic: Uint8Array): JsonInput {
  const keys = keyring.active();
  const { keepalive, autoApproveDevices, maxAutoDevicesPerUser, domain } = config.server;
  return {
    device_ca_public: toHex(authorityPublic),
    device_rotation: DEVICE_ROTATION,
    domain,
    noise_keys: keys.map(noiseKeyJson),
    noise_public: toHex(keys[0].keyPair.publicKey),
    pairing: {
      auto_approve: autoApproveDevices,
      max_auto_devices: maxAutoDevicesPerUser,
      pairing_ttl: config.limits.pairingTtl,
    },
    post_quantum: NO_POST_QUANTUM,
    presence: { ttl_seconds: config.limits.presenceTtl },
    session: { keepalive_interval: keepaliveInterval(keepalive), ttl_seconds: keepalive },
    supported_patterns: HANDSHAKE_PATTERNS,
    supported_versions: SUPPORTED_VERSIONS,
  };
}
