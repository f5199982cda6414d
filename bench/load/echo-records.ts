import { nodeBackend } from '../../src/client/platform-node.ts';
import { CRYPTO_LENGTHS } from '../../src/protocol/crypto-backend.ts';
import { CipherState } from '../../src/protocol/noise/noise-cipher-state.ts';
import {
  RECORD_ROOM_BEFORE,
  RECORD_ROOM_BEHIND,
  type RecordSealer,
} from '../../src/protocol/noise/record.ts';
import { MESSAGE_BYTES } from './writes.ts';

/** Length prefix (2 bytes), message and tag. */
export const SEALED_MESSAGE_BYTES = 2 + MESSAGE_BYTES + RECORD_ROOM_BEHIND;

/** One direction of a sealed echo. Both sides know the key: the echo measures what records cost, not how keys are agreed. */
export function echoCipher(): CipherState {
  return new CipherState(nodeBackend, new Uint8Array(CRYPTO_LENGTHS.KEY));
}

export function sealedMessage(sealer: RecordSealer, message: Uint8Array): Uint8Array {
  const buffer = Buffer.allocUnsafe(RECORD_ROOM_BEFORE + message.length + RECORD_ROOM_BEHIND);
  buffer.set(message, RECORD_ROOM_BEFORE);
  sealer.seal(buffer, RECORD_ROOM_BEFORE, message.length);
  return buffer.subarray(sealer.start, sealer.end);
}
