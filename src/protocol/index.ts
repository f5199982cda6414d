/** The protocol CCP-1 as a library: pure functions and classes without input or output, for Node.js and browsers. */

export * from './byte-arena.ts';
export * from './bytes.ts';
export * from './certificate.ts';
export * from './control/index.ts';
export * from './crypto-backend.ts';
export * from './errors.ts';
export * from './frame.ts';
export * from './frame-decoder.ts';
export * from './frame-types.ts';
export * from './json.ts';
export * from './keys.ts';
export * from './limits.ts';
export * from './noble-backend.ts';
export * from './noise.ts';
export * from './noise-cipher-state.ts';
export * from './noise-error.ts';
export * from './noise-patterns.ts';
export * from './older-client.ts';
export * from './ports.ts';
export * from './proof.ts';
export * from './record.ts';
export * from './varint.ts';
