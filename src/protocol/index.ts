/** The protocol CCP-1 as a library: pure functions and classes without input or output, for Node.js and browsers. */
export * from './control/index.ts';
export * from './errors.ts';
export * from './frame.ts';
export * from './frame-decoder.ts';
export * from './frame-types.ts';
export * from './json.ts';
export * from './limits.ts';
export * from './older-client.ts';
export * from './ports.ts';
export * from './varint.ts';
