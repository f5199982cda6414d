/** The protocol CCP-1 as a library: pure functions and classes without input or output, for Node.js and browsers. */

export * from '../ports/ports.ts';
export * from './byte-arena.ts';
export * from './bytes.ts';
export * from './control/index.ts';
export * from './crypto-backend.ts';
export * from './frames/errors.ts';
export * from './frames/frame.ts';
export * from './frames/frame-decoder.ts';
export * from './frames/frame-types.ts';
export * from './identity/certificate.ts';
export * from './identity/keys.ts';
export * from './identity/proof.ts';
export * from './json/json.ts';
export * from './limits.ts';
export * from './noble-backend.ts';
export * from './noise/noise.ts';
export * from './noise/noise-cipher-state.ts';
export * from './noise/noise-error.ts';
export * from './noise/noise-patterns.ts';
export * from './noise/record.ts';
export * from './older/older-client.ts';
export * from './varint.ts';
