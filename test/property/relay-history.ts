import assert from 'node:assert/strict';
import { STREAMS } from '../../src/events/streams.ts';
import type { DurableEvent } from '../kit/simulated-disk.ts';
import { ChannelModel } from './channel-model.ts';
import type { ModelDevice } from './model-device.ts';
import { idOf, type Posted } from './relay-verdict.ts';

const decoder = new TextDecoder();

/** What the disk has of a run: its letters, and who takes part in which channel. */
export class RelayHistory {
  readonly posted: Posted[] = [];
  /** Ids of durable messages. */
  readonly durable = new Set<string>();
  readonly channels = new ChannelModel();
  readonly #events: readonly DurableEvent[];
  #read = 0;

  constructor(events: readonly DurableEvent[]) {
    this.#events = events;
  }

  /** Reads what has become durable since the last time. */
  follow(): void {
    this.channels.follow(this.#events);
    for (; this.#read < this.#events.length; this.#read += 1) {
      const event = this.#events[this.#read];
      if (event === undefined || !STREAMS.mail.has(event.stream)) continue;
      const mail = STREAMS.mail.decode(event);
      const text = decoder.decode(mail.payload);
      const id = idOf(text);
      this.durable.add(id);
      this.posted.push({ key: STREAMS.mail.keyOf(event.stream), place: this.#read, id, text, mail });
    }
  }
}

/** What must be true after frames that nothing disturbs: each is answered, and refused only where its device takes no part. */
export function claimOfSend(
  { channels }: RelayHistory,
  device: ModelDevice,
  channel: number,
  count: number,
): () => void {
  const isMember = channels.own(device.name, channel) !== undefined;
  const refusals = device.refusals.length;
  return () => {
    assert.equal(device.unanswered.length, 0, `${device.name}: every frame is answered`);
    const answered = device.refusals.slice(refusals);
    assert.deepEqual(answered, isMember ? [] : Array(count).fill('unknown_channel'));
  };
}

/** What must be true after a JOIN that nothing disturbs: the device takes part in the channel that the rules name. */
export function claimOfJoin(
  { channels, posted }: RelayHistory,
  device: ModelDevice,
  channel: number,
  members: readonly string[],
): () => void {
  const expected = channels.destination(device.name, channel, members);
  const before = new Set(posted.map(({ key }) => key));
  return () => {
    const key = channels.own(device.name, channel)?.key;
    assert.ok(key !== undefined, `${device.name} takes part after its JOIN`);
    if (expected === undefined) assert.ok(!before.has(key), 'a new channel opens');
    else assert.equal(key, expected, `${device.name} joins the channel that the rules name`);
  };
}
