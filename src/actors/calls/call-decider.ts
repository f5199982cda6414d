import type {
  CallAnswered,
  CallEnded,
  CallLeft,
  CallOffered,
  CallTransportUpdated,
} from '../../events/events.ts';

/** The rules of calls (PROTOCOL.md 8): each participant answers, leaves and disconnects for itself. */

export type CallEvent = CallOffered | CallAnswered | CallTransportUpdated | CallLeft | CallEnded;

export type Standing = 'invited' | 'accepted' | 'gone';

export interface CallState {
  readonly phase: 'none' | 'ringing' | 'active' | 'ended';
  readonly initiator: string;
  readonly participants: ReadonlyMap<string, Standing>;
}

export const NO_CALL: CallState = { phase: 'none', initiator: '', participants: new Map() };

export type CallCommand =
  | {
      readonly type: 'offer';
      readonly call: string;
      readonly channel: string;
      readonly device: string;
      readonly participants: readonly string[];
      readonly mode: 'full_duplex' | 'half_duplex';
      readonly video: boolean;
    }
  | {
      readonly type: 'answer';
      readonly device: string;
      readonly accept: boolean;
      readonly reason: string | null;
    }
  | { readonly type: 'end'; readonly device: string; readonly reason: string }
  | { readonly type: 'disconnect'; readonly device: string }
  | { readonly type: 'report'; readonly device: string }
  | { readonly type: 'update_transport'; readonly device: string; readonly update: string };

export type CallRejection = 'call_exists' | 'call_alone' | 'unknown_call' | 'not_in_call';

export type CallDecision =
  | { readonly ok: true; readonly events: readonly CallEvent[] }
  | { readonly ok: false; readonly rejection: CallRejection };

const accept = (events: readonly CallEvent[]): CallDecision => ({ ok: true, events });
const reject = (rejection: CallRejection): CallDecision => ({ ok: false, rejection });

export function decideCall(state: CallState, command: CallCommand): CallDecision {
  if (command.type === 'offer') return decideOffer(state, command);
  if (state.phase === 'none' || state.phase === 'ended') return reject('unknown_call');
  const standing = state.participants.get(command.device);
  if (standing === undefined) return reject('not_in_call');
  switch (command.type) {
    case 'answer':
      return decideAnswer(state, command.device, command.accept, command.reason);
    case 'end':
      return accept(leave(state, command.device, command.reason, 'request'));
    case 'disconnect':
      // A device that only rings may come back and answer; one that takes part is missed.
      return accept(standing === 'accepted' ? leave(state, command.device, 'failure', 'disconnect') : []);
    case 'report':
      return standing === 'gone' ? reject('not_in_call') : accept([]);
    case 'update_transport':
      return standing === 'gone'
        ? reject('not_in_call')
        : accept([{ type: 'call.transport_updated', device: command.device, update: command.update }]);
  }
}

function decideOffer(state: CallState, command: Extract<CallCommand, { type: 'offer' }>): CallDecision {
  if (state.phase === 'none') {
    const { call, channel, device: initiator, participants, mode, video } = command;
    if (participants.length < 2) return reject('call_alone');
    return accept([{ type: 'call.offered', call, channel, initiator, participants, mode, video }]);
  }
  // The offer is in the log but its sender may not know: the same offer again changes nothing and rings again.
  return state.phase === 'ringing' && state.initiator === command.device ? accept([]) : reject('call_exists');
}

function decideAnswer(
  state: CallState,
  device: string,
  accepted: boolean,
  reason: string | null,
): CallDecision {
  if (state.participants.get(device) === 'gone' && !accepted) return accept([]);
  const answered: CallEvent = { type: 'call.answered', device, accept: accepted, reason };
  if (accepted) return accept([answered]);
  return accept([answered, ...endIfAlone(evolveCall(state, answered), 'hangup')]);
}

function leave(
  state: CallState,
  device: string,
  reason: string,
  cause: 'request' | 'disconnect',
): readonly CallEvent[] {
  if (state.participants.get(device) === 'gone') return [];
  const left: CallEvent = { type: 'call.left', device, reason, cause };
  return [left, ...endIfAlone(evolveCall(state, left), reason)];
}

/** A call needs two that can still talk: one who accepted (or made the offer), and another who has not gone. */
function endIfAlone(state: CallState, reason: string): readonly CallEvent[] {
  const standings = [...state.participants.values()];
  const reachable = standings.filter((standing) => standing !== 'gone').length;
  const talking = standings.includes('accepted');
  return talking && reachable >= 2 ? [] : [{ type: 'call.ended', reason }];
}

export function evolveCall(state: CallState, event: CallEvent): CallState {
  switch (event.type) {
    case 'call.offered':
      return {
        phase: 'ringing',
        initiator: event.initiator,
        participants: new Map(
          event.participants.map((id) => [id, id === event.initiator ? 'accepted' : 'invited'] as const),
        ),
      };
    case 'call.answered':
      return {
        ...state,
        phase: event.accept ? 'active' : state.phase,
        participants: new Map([...state.participants, [event.device, event.accept ? 'accepted' : 'gone']]),
      };
    case 'call.transport_updated':
      return state;
    case 'call.left':
      return { ...state, participants: new Map([...state.participants, [event.device, 'gone']]) };
    case 'call.ended':
      return { ...state, phase: 'ended' };
  }
}
