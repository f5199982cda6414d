export { PEER_SALT_BYTES } from './admission/peer-tag.ts';
export { type CreateGatewayOptions, createGateway, rateLimiters } from './create-gateway.ts';
export { Gateway, type GatewayOptions } from './gateway.ts';
export { OperatorPages, type OperatorPagesParts } from './http/operator-pages.ts';
export { type HttpAnswer, PROBLEMS } from './http/problem.ts';
export type { ListenerAddress } from './listen/listener.ts';
export { readTlsIdentity } from './listen/tls-identity.ts';
export { LinkTable } from './sessions/link-table.ts';
