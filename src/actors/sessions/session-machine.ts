import { setup } from 'xstate';

/**
 * The life of a session on the relay's side of the gateway. It starts when a HELLO's proof holds; what came before
 * (TLS, HTTP/2, the frame itself) is the gateway's. Deadlines are the gateway's, too: they arrive as CLOSED.
 */
export const sessionMachine = setup({
  types: {
    events: {} as
      | { readonly type: 'RESOLVED' }
      | { readonly type: 'PROVED' }
      | { readonly type: 'COMMITTED' }
      | { readonly type: 'BEGUN' }
      | { readonly type: 'REFUSED' }
      | { readonly type: 'REPLACED' }
      | { readonly type: 'FAILED' }
      | { readonly type: 'CLOSED' },
  },
}).createMachine({
  id: 'session',
  initial: 'resolving',
  on: { REFUSED: '.refused', CLOSED: '.closed' },
  states: {
    resolving: { on: { RESOLVED: 'awaitingProof' } },
    awaitingProof: { on: { PROVED: 'committing' } },
    committing: { on: { COMMITTED: 'acknowledging' } },
    acknowledging: { on: { BEGUN: 'established', REPLACED: 'replaced' } },
    established: { on: { REPLACED: 'replaced', FAILED: 'failed' } },
    refused: { type: 'final' },
    replaced: { type: 'final' },
    failed: { type: 'final' },
    closed: { type: 'final' },
  },
});
