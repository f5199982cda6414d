import { CommuCatError } from '../../ports/commucat-error.ts';

/**
 * - `NOISE_DECRYPT`: a tag does not fit: wrong key, changed bytes, or messages out of order
 * - `NOISE_LENGTH`: shorter or longer than a message of that kind can be
 * - `NOISE_KEY`: a key that cannot be used: wrong length, or a point of small order
 * - `NOISE_ORDER`: called in a state that does not allow it (not its turn, finished, not finished, failed)
 * - `NOISE_EXHAUSTED`: the nonce counter is used up
 */
export type NoiseErrorCode =
  | 'NOISE_DECRYPT'
  | 'NOISE_LENGTH'
  | 'NOISE_KEY'
  | 'NOISE_ORDER'
  | 'NOISE_EXHAUSTED';

/** A Noise operation failed. The message never contains key material or payloads. */
export class NoiseError extends CommuCatError {
  declare readonly code: NoiseErrorCode;

  constructor(code: NoiseErrorCode, message: string, options?: { cause?: unknown }) {
    super(code, message, options);
    this.name = 'NoiseError';
  }
}
