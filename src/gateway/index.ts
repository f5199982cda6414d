export { type CreateGatewayOptions, createGateway, rateLimiters } from './create-gateway.ts';
export { Gateway, type GatewayOptions } from './gateway.ts';
export { LinkTable } from './link-table.ts';
export type { ListenerAddress } from './listener.ts';
export type { NoiseKey, NoiseKeyring } from './noise-keys.ts';
export { OperatorPages, type OperatorPagesParts } from './operator-pages.ts';
export { PEER_SALT_BYTES } from './peer-tag.ts';
export { type HttpAnswer, PROBLEMS } from './problem.ts';
export { readTlsIdentity } from './tls-identity.ts';
