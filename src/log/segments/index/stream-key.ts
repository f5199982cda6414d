import { hash } from 'node:crypto';

/** Bytes of a key. */
export const KEY_LENGTH = 16;

/**
 * What the index knows a stream by: the first 128 bits of the SHA-256 of its name, as four words that compare like the
 * bytes. Names come from peers: with fewer bits somebody could search for two names that are one stream here.
 */
export type StreamKey = readonly [number, number, number, number];

export function streamKey(name: string): StreamKey {
  return readKey(hash('sha256', name, 'buffer'), 0);
}

export function readKey(bytes: Buffer, offset: number): StreamKey {
  return [
    bytes.readUInt32BE(offset),
    bytes.readUInt32BE(offset + 4),
    bytes.readUInt32BE(offset + 8),
    bytes.readUInt32BE(offset + 12),
  ];
}

export function writeKey(key: StreamKey, bytes: Buffer, offset: number): void {
  for (let i = 0; i < 4; i++) bytes.writeUInt32BE(key[i] ?? 0, offset + 4 * i);
}

/** Negative, 0 or positive, as for sorting. */
export function compareKeys(a: StreamKey, b: StreamKey): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2] || a[3] - b[3];
}
