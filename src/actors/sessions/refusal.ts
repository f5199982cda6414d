import { type CountedLimit, limitLabel } from '../../limits/index.ts';
import { CommuCatError, type WireErrorCode } from '../../protocol/frames/errors.ts';
import type { JsonInput } from '../../protocol/json/json-writer.ts';

/** Limits that a frame can reach. */
export type FrameLimit = Extract<
  CountedLimit,
  | 'channelsPerDevice'
  | 'membersPerChannel'
  | 'listingsPerDevice'
  | 'listingBytes'
  | 'callsPerDevice'
  | 'callsPerChannel'
  | 'callParticipants'
  | 'changeBytesPerSecond'
>;

export interface RefusalOptions {
  /** What its ERROR says beyond the code and the texts. */
  readonly fields?: Readonly<Record<string, JsonInput>>;
  /** Counted when the refusal is answered. */
  readonly limit?: FrameLimit;
}

/**
 * A frame is refused: its session gets ERROR, and goes on (PROTOCOL.md 9). Whoever handles a frame throws it, and it is
 * counted and answered in one place, `Replies.refuse`.
 */
export class Refusal extends CommuCatError {
  readonly error: WireErrorCode;
  readonly fields: Readonly<Record<string, JsonInput>>;
  readonly limit: FrameLimit | undefined;

  /** @param detail for people: what was wrong, what is allowed */
  constructor(error: WireErrorCode, detail: string, { fields = {}, limit }: RefusalOptions = {}) {
    const { stackTraceLimit } = Error;
    // An answer, not a fault: nobody reads where it was made, and a flood of refused frames would pay for the trace.
    Error.stackTraceLimit = 0;
    super('FRAME_REFUSED', detail);
    Error.stackTraceLimit = stackTraceLimit;
    this.error = error;
    this.fields = fields;
    this.limit = limit;
  }

  /** A limit that the operator sets does not allow it. */
  static atLimit(limit: FrameLimit): Refusal {
    return new Refusal('limit', `limits.${limitLabel(limit)} is reached`, { limit });
  }

  /** The account does this too often. */
  static atRate(limit: FrameLimit): Refusal {
    return new Refusal('rate_limited', `limits.${limitLabel(limit)} is reached: send it again later`, {
      limit,
    });
  }

  /** The log does not take the frame: for now, or for good, which concerns its sender alone. */
  static ofLog(forGood: boolean): Refusal {
    return forGood
      ? new Refusal('too_large', 'the frame and the names of its recipients do not fit into the log')
      : new Refusal('storage', 'the frame is not stored; send it again later');
  }
}
