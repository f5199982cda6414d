import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { BARE_PATHS } from '../bare-paths.ts';
import type { RelayServer } from '../servers.ts';
import type { ByteStream, Dial } from './byte-stream.ts';
import { type Completion, Deliveries } from './deliveries.ts';
import { inLanes } from './lanes.ts';
import { joinChannel, newChannel } from './pair.ts';
import { LoadSession, unexpectedFrame } from './session.ts';
import { MESSAGE_BYTES } from './writes.ts';

/** One sender and everybody to whom its messages go. */
export interface FanOut {
  /** Starts to keep `window` messages on their way. */
  start(window: number): Deliveries;
  close(): void;
}

/** Members that a JOIN names at once: it must fit into one record. */
const NAMED_AT_ONCE = 1000;
const MESSAGE = Buffer.alloc(MESSAGE_BYTES, 0x5a);

/** Members who are named by the sender and take part at once: needs `channels.reach = anyone`. */
export async function openRelayFanOut(server: RelayServer, members: number, dial: Dial): Promise<FanOut> {
  const sender = await LoadSession.open(server, { dial });
  const recipients = await inLanes(members, () => LoadSession.open(server, { dial }));
  const channel = newChannel();
  const ids = recipients.map(({ device }) => device.deviceId);
  for (let first = 0; first < ids.length; first += NAMED_AT_ONCE) {
    await joinChannel(sender, channel, ids.slice(first, first + NAMED_AT_ONCE));
  }
  const start = (window: number): Deliveries => {
    const deliveries = new Deliveries(members, window, (count) => {
      for (let i = 0; i < count; i += 1) sender.send(FRAME.MSG, channel, MESSAGE);
    });
    countAcknowledgements(sender, deliveries);
    for (const [index, recipient] of recipients.entries()) countMessages(recipient, index, deliveries);
    deliveries.start();
    return deliveries;
  };
  const close = (): void => {
    for (const session of [sender, ...recipients]) session.destroy();
  };
  return { start, close };
}

function countAcknowledgements(sender: LoadSession, deliveries: Deliveries): void {
  let fresh = 0;
  sender.onFrame = (frame) => {
    if (frame.type !== FRAME.ACK) throw unexpectedFrame('sender', frame);
    fresh += 1;
  };
  sender.onChunk = () => {
    const count = fresh;
    fresh = 0;
    if (count > 0) deliveries.acknowledged(count);
  };
}

function countMessages(recipient: LoadSession, index: number, deliveries: Deliveries): void {
  let fresh = 0;
  let last: number | undefined;
  recipient.onFrame = (frame) => {
    if (frame.type !== FRAME.MSG) throw unexpectedFrame('recipient', frame);
    if (last !== undefined && frame.sequence !== last + 1) {
      throw new Error(`message ${frame.sequence} after ${last}`);
    }
    last = frame.sequence;
    fresh += 1;
  };
  recipient.onChunk = () => {
    const count = fresh;
    fresh = 0;
    if (count > 0) deliveries.delivered(index, count);
  };
}

/** The limit: a bare server that writes each chunk of the sender to all receivers, without disk and encryption. */
export async function openBareFanOut(members: number, dial: Dial): Promise<FanOut> {
  const sender = await dial(BARE_PATHS.fanOut);
  const recipients = await inLanes(members, () => dial(BARE_PATHS.receive));
  const start = (window: number): Deliveries => {
    const deliveries = new Deliveries(members, window, (count) => {
      for (let i = 0; i < count; i += 1) sender.write(MESSAGE);
      // Nobody acknowledges here; the recipients alone decide when a message has arrived.
      queueMicrotask(() => deliveries.acknowledged(count));
    });
    for (const [index, recipient] of recipients.entries()) countBytes(recipient, index, deliveries);
    deliveries.start();
    return deliveries;
  };
  const close = (): void => {
    for (const stream of [sender, ...recipients]) stream.destroy();
  };
  return { start, close };
}

function countBytes(recipient: ByteStream, index: number, deliveries: Deliveries): void {
  let partial = 0;
  recipient.onData = (chunk) => {
    const bytes = partial + chunk.length;
    partial = bytes % MESSAGE_BYTES;
    const count = (bytes - partial) / MESSAGE_BYTES;
    if (count > 0) deliveries.delivered(index, count);
  };
}

/** Times of the messages that were complete after the warm-up, those that `stop` waited for included, in milliseconds. */
export function completedSince(completions: readonly Completion[], begin: number): readonly number[] {
  return completions.filter(({ at }) => at >= begin).map(({ milliseconds }) => milliseconds);
}
