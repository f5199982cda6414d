import { STREAMS } from '../../src/events/streams.ts';
import type { DurableEvent } from '../kit/simulated-disk.ts';

/** What the log says about one channel, folded by a second, simpler hand than the server's own. */
export interface ModelChannel {
  readonly key: string;
  readonly number: number;
  readonly participants: Set<string>;
  /** Listed devices, and the place in history at which each was listed. */
  readonly listed: Map<string, number>;
}

/** Channels as of a place in history. PROTOCOL.md 6, with `channels.reach = joined`. */
export class ChannelModel {
  readonly #channels = new Map<string, ModelChannel>();
  /** By the stream of the group: the key of its channel. */
  readonly #groups = new Map<string, string>();
  #read = 0;

  /** Takes in what has become durable. */
  follow(history: readonly DurableEvent[], until = history.length): void {
    for (; this.#read < until; this.#read += 1) {
      const recorded = history[this.#read];
      if (recorded === undefined) continue;
      if (STREAMS.channel.has(recorded.stream)) this.#evolve(recorded, this.#read);
      else if (STREAMS.group.has(recorded.stream)) this.#evolveGroup(recorded);
    }
  }

  channel(key: string): ModelChannel | undefined {
    return this.#channels.get(key);
  }

  /** The channel in which the device takes part under this number. */
  own(device: string, number: number): ModelChannel | undefined {
    return this.#of(number).find(({ participants }) => participants.has(device));
  }

  /** The rules of a JOIN: the key of the channel that it leads to; `undefined`: a new one. */
  destination(device: string, number: number, members: readonly string[]): string | undefined {
    const own = this.own(device, number);
    if (own !== undefined) return own.key;
    const others = members.filter((member) => member !== device);
    const candidates = this.#of(number)
      .filter(({ listed }) => listed.has(device))
      .sort((a, b) => (a.listed.get(device) ?? 0) - (b.listed.get(device) ?? 0));
    if (others.length === 0) return candidates[0]?.key;
    const overlap = ({ participants }: ModelChannel): number =>
      others.filter((other) => participants.has(other)).length;
    const most = Math.max(0, ...candidates.map(overlap));
    return most === 0 ? undefined : candidates.find((channel) => overlap(channel) === most)?.key;
  }

  #of(number: number): ModelChannel[] {
    return [...this.#channels.values()].filter((channel) => channel.number === number);
  }

  #evolve(recorded: DurableEvent, place: number): void {
    const key = STREAMS.channel.keyOf(recorded.stream);
    const fact = STREAMS.channel.decode(recorded);
    const channel = this.#channels.get(key);
    switch (fact.type) {
      case 'channel.opened':
        this.#channels.set(key, {
          key,
          number: fact.number,
          participants: new Set([fact.creator, ...fact.admitted]),
          listed: new Map(fact.listed.map((device) => [device, place])),
        });
        break;
      case 'channel.devices_listed':
        for (const device of fact.listed) channel?.listed.set(device, place);
        break;
      case 'channel.joined':
        channel?.participants.add(fact.device);
        channel?.listed.delete(fact.device);
        break;
      case 'channel.left':
        channel?.participants.delete(fact.device);
        channel?.listed.delete(fact.device);
        if (channel?.participants.size === 0) this.#channels.delete(key);
        break;
    }
  }

  #evolveGroup(recorded: DurableEvent): void {
    const fact = STREAMS.group.decode(recorded);
    const channel = this.#channels.get(this.#groups.get(recorded.stream) ?? '');
    switch (fact.type) {
      case 'group.created':
        this.#groups.set(recorded.stream, fact.channel);
        this.#channels.set(fact.channel, {
          key: fact.channel,
          number: fact.number,
          participants: new Set([fact.owner]),
          listed: new Map(),
        });
        break;
      case 'group.member_joined':
        channel?.participants.add(fact.device);
        break;
      case 'group.member_paused':
      case 'group.member_left':
      case 'group.member_removed':
        channel?.participants.delete(fact.device);
        break;
    }
  }
}
