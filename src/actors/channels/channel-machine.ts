import { assign, setup } from 'xstate';
import { type ChannelEvent, type ChannelState, evolveChannel, VACANT_CHANNEL } from './channel-decider.ts';

/** The life of a channel: it opens with its first JOIN and ends for good when nobody takes part any more. */
export const channelMachine = setup({
  types: {
    context: {} as { readonly state: ChannelState },
    events: {} as { readonly type: 'EVOLVED'; readonly events: readonly ChannelEvent[] },
  },
  actions: {
    evolve: assign(({ context, event }) => ({ state: event.events.reduce(evolveChannel, context.state) })),
  },
  guards: {
    isOpen: ({ context }) => context.state.phase === 'open',
    isClosed: ({ context }) => context.state.phase === 'closed',
  },
}).createMachine({
  id: 'channel',
  context: { state: VACANT_CHANNEL },
  initial: 'vacant',
  on: { EVOLVED: { actions: 'evolve' } },
  states: {
    vacant: {
      always: [
        { guard: 'isClosed', target: 'closed' },
        { guard: 'isOpen', target: 'open' },
      ],
    },
    open: { always: { guard: 'isClosed', target: 'closed' } },
    closed: { type: 'final' },
  },
});
