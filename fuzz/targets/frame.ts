import { encodeFrame, type Frame, FrameError, frameLength } from '../../src/protocol/frames/frame.ts';
import { FrameDecoder } from '../../src/protocol/frames/frame-decoder.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { attempt, chunksOf, must, mustEqual } from '../oracles.ts';
import type { FuzzTarget } from '../target.ts';

/** A frame beyond this is refused: small enough that inputs reach the limit. */
const MAX_FRAME = 1024;

interface Decoded {
  readonly frames: readonly Frame[];
  readonly error: FrameError['kind'] | undefined;
}

function decode(chunks: Iterable<Uint8Array>): Decoded {
  const decoder = new FrameDecoder({ maxFrameLength: MAX_FRAME });
  const frames: Frame[] = [];
  let pushed = 0;
  let error: FrameError | undefined;
  for (const chunk of chunks) {
    const { error: failure } = attempt(() => {
      decoder.push(chunk);
      pushed += chunk.length;
      for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) frames.push(frame);
    });
    if (failure !== undefined) {
      must(failure instanceof FrameError, 'a decoder of frames throws FrameError');
      error ??= failure as FrameError;
      must(failure === error, 'a failed decoder throws the same error for ever');
      must(attempt(() => decoder.next()).error === error, 'a failed decoder gives no frames');
    } else {
      must(decoder.buffered <= pushed, 'no more is kept than came');
      must(decoder.buffered <= MAX_FRAME + 10, 'no more is kept than the longest frame');
    }
  }
  return { frames, error: error?.kind };
}

function checkFrame(frame: Frame): void {
  const { type, channel, sequence, payload } = frame;
  const encoded = encodeFrame(type, channel, sequence, payload);
  mustEqual(encoded.length, frameLength(channel, sequence, payload.length), 'frameLength is the length');
  // A padded spelling may have brought in a frame whose shortest spelling is longer than nothing: always decodable.
  const again = decode([encoded]);
  mustEqual(
    again,
    { frames: [frame], error: undefined },
    'what was decoded can be encoded and decoded again',
  );
}

export const target: FuzzTarget = {
  name: 'frame',
  about: 'frame decoder: chunks mean nothing, round trip, one kind of error, memory',
  maxLength: 4096,
  form: 'bytes',
  seeds: () => {
    const payload = Buffer.from('{"members":[]}');
    const frames = Object.values(FRAME).map((type) => encodeFrame(type, 1, 2, payload));
    const long = encodeFrame(FRAME.MSG, 0xffff_ffff, 0xffff_ffff, new Uint8Array(700));
    return [...frames, long, ...frames].map((frame) =>
      Buffer.concat([Buffer.of(7), frame, frames[0] ?? frame]),
    );
  },
  run(data) {
    const [seed = 0] = data;
    const bytes = data.subarray(1);
    const whole = decode([bytes]);
    mustEqual(decode(chunksOf(bytes, seed)), whole, 'where chunks end means nothing');
    for (const frame of whole.frames) checkFrame(frame);
  },
};
