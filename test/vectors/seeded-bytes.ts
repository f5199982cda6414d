import { createHash } from 'node:crypto';

/** SHA-256(utf8(seed) ‖ u32be(i)) for i = 0, 1, 2 … one after the other, cut to `length` bytes. */
export function seededBytes(seed: string, length: number): Uint8Array {
  const block = 32;
  const result = new Uint8Array(Math.ceil(length / block) * block);
  const counter = Buffer.alloc(4);
  for (let index = 0; index * block < length; index++) {
    counter.writeUInt32BE(index);
    result.set(createHash('sha256').update(seed, 'utf8').update(counter).digest(), index * block);
  }
  return result.subarray(0, length);
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
