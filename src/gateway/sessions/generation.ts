import type { HelloMessage } from '../../protocol/control/index.ts';
import type { Generation } from '../../relay-port/relay-port.ts';

const OLDER_USER_AGENT = 'CommuCat-CLI/0.1';
const OLDER_CAPABILITIES = ['noise', 'zstd'];

/**
 * The older client that frames nothing in records: there is no negotiated sign, so its habits decide. PROTOCOL.md 7.6.
 * Without `allowed` (`compat.plaintext_clients`) everybody is served with records.
 */
export function generationOf(hello: HelloMessage, userAgent: string, allowed: boolean): Generation {
  if (!allowed) return 'records';
  const announces =
    !hello.namesVersions &&
    hello.capabilities.length === OLDER_CAPABILITIES.length &&
    OLDER_CAPABILITIES.every((capability, index) => hello.capabilities[index] === capability);
  return announces || userAgent.startsWith(OLDER_USER_AGENT) ? 'plaintext' : 'records';
}
