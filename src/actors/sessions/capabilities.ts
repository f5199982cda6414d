import type { HelloFacts } from '../../relay-port/relay-port.ts';

/** What a session may be granted, sorted as the ACK lists it. PROTOCOL.md 11. */
const CAPABILITIES = ['delivery-ack', 'resume'] as const;

/** What the session announced and this server grants. Older clients get none: they would not survive the frames. */
export function grantedCapabilities(hello: HelloFacts): readonly string[] {
  return hello.generation === 'plaintext'
    ? []
    : CAPABILITIES.filter((capability) => hello.capabilities.includes(capability));
}
