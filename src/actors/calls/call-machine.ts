import { assign, setup } from 'xstate';
import { type CallEvent, type CallState, evolveCall, NO_CALL } from './call-decider.ts';

/** The life of a call, as far as the server has a part in it: signalling. */
export const callMachine = setup({
  types: {
    context: {} as { readonly state: CallState },
    events: {} as { readonly type: 'EVOLVED'; readonly events: readonly CallEvent[] },
  },
  actions: {
    evolve: assign(({ context, event }) => ({ state: event.events.reduce(evolveCall, context.state) })),
  },
  guards: {
    isRinging: ({ context }) => context.state.phase === 'ringing',
    isActive: ({ context }) => context.state.phase === 'active',
    isEnded: ({ context }) => context.state.phase === 'ended',
  },
}).createMachine({
  id: 'call',
  context: { state: NO_CALL },
  initial: 'none',
  on: { EVOLVED: { actions: 'evolve' } },
  states: {
    none: {
      always: [
        { guard: 'isEnded', target: 'ended' },
        { guard: 'isActive', target: 'active' },
        { guard: 'isRinging', target: 'ringing' },
      ],
    },
    ringing: {
      always: [
        { guard: 'isEnded', target: 'ended' },
        { guard: 'isActive', target: 'active' },
      ],
    },
    active: { always: { guard: 'isEnded', target: 'ended' } },
    ended: { type: 'final' },
  },
});
