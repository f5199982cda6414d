import { assign, setup } from 'xstate';
import { evolveGroup, type GroupEvent, type GroupState, VACANT_GROUP } from './group-decider.ts';

/** The life of a group: it begins with its GROUP_CREATE and ends for good when its owner leaves as the last member. */
export const groupMachine = setup({
  types: {
    context: {} as { readonly state: GroupState },
    events: {} as { readonly type: 'EVOLVED'; readonly events: readonly GroupEvent[] },
  },
  actions: {
    evolve: assign(({ context, event }) => ({ state: event.events.reduce(evolveGroup, context.state) })),
  },
  guards: {
    isOpen: ({ context }) => context.state.phase === 'open',
    isEnded: ({ context }) => context.state.phase === 'ended',
  },
}).createMachine({
  id: 'group',
  context: { state: VACANT_GROUP },
  initial: 'vacant',
  on: { EVOLVED: { actions: 'evolve' } },
  states: {
    vacant: {
      always: [
        { guard: 'isEnded', target: 'ended' },
        { guard: 'isOpen', target: 'open' },
      ],
    },
    open: { always: { guard: 'isEnded', target: 'ended' } },
    ended: { type: 'final' },
  },
});
