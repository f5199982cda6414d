import type { CipherState } from '../../src/protocol/noise/noise-cipher-state.ts';
import { RECORD_ROOM_BEFORE, RECORD_ROOM_BEHIND, RecordSealer } from '../../src/protocol/noise/record.ts';

/** One record around `plaintext`, with the next nonce of the cipher. */
export function sealRecord(cipher: CipherState, plaintext: Uint8Array): Uint8Array {
  const buffer = new Uint8Array(RECORD_ROOM_BEFORE + plaintext.length + RECORD_ROOM_BEHIND);
  buffer.set(plaintext, RECORD_ROOM_BEFORE);
  const sealer = new RecordSealer(cipher);
  sealer.seal(buffer, RECORD_ROOM_BEFORE, plaintext.length);
  return buffer.subarray(sealer.start, sealer.end);
}
