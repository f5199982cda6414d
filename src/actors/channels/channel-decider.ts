import type { ChannelDevicesListed, ChannelJoined, ChannelLeft, ChannelOpened } from '../../events/events.ts';
import { PersistentMap } from '../runtime/persistent-map.ts';

/** The rules of channels (PROTOCOL.md 6) as pure functions: who takes part, who is only named, who may change what. */

export type ChannelEvent = ChannelOpened | ChannelDevicesListed | ChannelJoined | ChannelLeft;

export interface ChannelState {
  readonly phase: 'vacant' | 'open' | 'closed';
  /** The number that members use on the wire. */
  readonly number: number;
  readonly openRoom: boolean;
  readonly relay: boolean;
  /** Devices that receive; true once they joined by themselves. */
  readonly participants: PersistentMap<string, boolean>;
  /** Devices that were named and have not joined: they receive nothing. None of them takes part. */
  readonly listed: PersistentMap<string, true>;
}

export const VACANT_CHANNEL: ChannelState = {
  phase: 'vacant',
  number: 0,
  openRoom: false,
  relay: false,
  participants: PersistentMap.empty(),
  listed: PersistentMap.empty(),
};

/** Devices that a JOIN names, split by what `channels.reach` allows. */
export interface Named {
  readonly listed: readonly string[];
  readonly admitted: readonly string[];
}

export type ChannelCommand =
  | {
      readonly type: 'open';
      readonly device: string;
      readonly number: number;
      readonly relay: boolean;
      readonly openRoom: boolean;
      readonly named: Named;
    }
  | { readonly type: 'join'; readonly device: string; readonly named: Named }
  | { readonly type: 'leave'; readonly device: string };

export interface ChannelLimits {
  /** Most devices of one channel, listed ones included. */
  readonly members: number;
}

export type ChannelRejection = 'channel_closed' | 'not_listed' | 'too_many_members';

export type ChannelDecision =
  | { readonly ok: true; readonly events: readonly ChannelEvent[] }
  | { readonly ok: false; readonly rejection: ChannelRejection };

const accept = (events: readonly ChannelEvent[]): ChannelDecision => ({ ok: true, events });
const reject = (rejection: ChannelRejection): ChannelDecision => ({ ok: false, rejection });

export function decideChannel(
  state: ChannelState,
  command: ChannelCommand,
  limits: ChannelLimits,
): ChannelDecision {
  switch (command.type) {
    case 'open':
      return decideOpen(state, command, limits);
    case 'join':
      return decideJoin(state, command.device, command.named, limits);
    case 'leave':
      return isKnown(state, command.device)
        ? accept([{ type: 'channel.left', device: command.device }])
        : accept([]);
  }
}

function decideOpen(
  state: ChannelState,
  command: Extract<ChannelCommand, { type: 'open' }>,
  limits: ChannelLimits,
): ChannelDecision {
  if (state.phase !== 'vacant') return reject('channel_closed');
  const isCreator = (device: string): boolean => device === command.device;
  const listed = unique(command.named.listed, isCreator);
  const admitted = unique(command.named.admitted, isCreator);
  if (1 + listed.length + admitted.length > limits.members) return reject('too_many_members');
  const { number, device: creator, relay, openRoom } = command;
  return accept([{ type: 'channel.opened', number, creator, listed, admitted, relay, open: openRoom }]);
}

function decideJoin(
  state: ChannelState,
  device: string,
  named: Named,
  limits: ChannelLimits,
): ChannelDecision {
  if (state.phase !== 'open') return reject('channel_closed');
  // The rule that keeps strangers out: only a device that a member named, or an open room's guest, gets in.
  if (!state.openRoom && !isKnown(state, device)) return reject('not_listed');
  const events: ChannelEvent[] = [];
  if (state.participants.get(device) !== true) events.push({ type: 'channel.joined', device });
  const listed = unique(named.listed, (other) => other === device || isKnown(state, other));
  const admitted = unique(named.admitted, (other) => other === device || state.participants.has(other));
  // Of the admitted, those that are listed already are counted there.
  const fresh = admitted.filter((other) => !state.listed.has(other));
  const newcomer = isKnown(state, device) ? 0 : 1;
  const size = state.participants.size + state.listed.size + newcomer + listed.length + fresh.length;
  if (size > limits.members) return reject('too_many_members');
  if (listed.length + admitted.length > 0) {
    events.push({ type: 'channel.devices_listed', by: device, listed, admitted });
  }
  return accept(events);
}

function isKnown(state: ChannelState, device: string): boolean {
  return state.participants.has(device) || state.listed.has(device);
}

function unique(devices: readonly string[], isLeftOut: (device: string) => boolean): string[] {
  return [...new Set(devices)].filter((device) => !isLeftOut(device));
}

export function evolveChannel(state: ChannelState, event: ChannelEvent): ChannelState {
  switch (event.type) {
    case 'channel.opened':
      return {
        phase: 'open',
        number: event.number,
        openRoom: event.open,
        relay: event.relay,
        participants: PersistentMap.of([[event.creator, true], ...withoutConsent(event.admitted)]),
        listed: PersistentMap.of(event.listed.map(asListed)),
      };
    case 'channel.devices_listed':
      return {
        ...state,
        participants: state.participants.with(withoutConsent(event.admitted)),
        listed: state.listed.with(event.listed.map(asListed)).without(event.admitted),
      };
    case 'channel.joined':
      return {
        ...state,
        participants: state.participants.with([[event.device, true]]),
        listed: state.listed.without([event.device]),
      };
    case 'channel.left': {
      const participants = state.participants.without([event.device]);
      // Nobody is left who could let anybody in: what is named but never joined goes with it.
      const phase = participants.size === 0 ? 'closed' : state.phase;
      return { ...state, phase, participants, listed: state.listed.without([event.device]) };
    }
  }
}

function withoutConsent(devices: readonly string[]): (readonly [string, boolean])[] {
  return devices.map((device) => [device, false] as const);
}

function asListed(device: string): readonly [string, true] {
  return [device, true];
}
