import { concatBytes, utf8 } from '../../src/protocol/bytes.ts';
import { encodeFrame } from '../../src/protocol/frames/frame.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import type { SeenFrame, WireClient } from '../kit/wire-client.ts';

/** Bytes that go into one record: a little less than it may hold. */
const RECORD = 60_000;
const LONGEST_ID = 128;

export type FrameToSend = readonly [type: number, channel: number, payload: Uint8Array | object];

/** Device ids of the greatest length. */
export function longIds(stem: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${stem}-${index}`.padEnd(LONGEST_ID, 'x'));
}

/** Sends frames, of any length, in as few records as possible; returns the sequence of the last one. */
export function pour(client: WireClient, frames: readonly FrameToSend[]): number {
  let last = 0;
  const encoded = frames.map(([type, channel, payload]) => {
    last = client.nextSequence();
    const bytes = payload instanceof Uint8Array ? payload : utf8(JSON.stringify(payload));
    return encodeFrame(type, channel, last, bytes);
  });
  pourBytes(client, concatBytes(...encoded));
  return last;
}

/** Sends bytes, whatever they are, in as few records as possible. */
export function pourBytes(client: WireClient, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += RECORD) {
    client.write(client.wrap(bytes.subarray(at, at + RECORD)));
  }
}

/** The ACK or ERROR of a frame. */
export function answerTo(client: WireClient, sequence: number): Promise<SeenFrame> {
  return client.until(
    ({ type, json }) => (type === FRAME.ACK || type === FRAME.ERROR) && json?.ack === sequence,
  );
}

/** Sends a frame of any length and returns its answer. */
export function ask(
  client: WireClient,
  type: number,
  channel: number,
  payload: Uint8Array | object,
): Promise<SeenFrame> {
  return answerTo(client, pour(client, [[type, channel, payload]]));
}
