import { CLOSE_CODE } from './websocket-frame.ts';

const CODES: Readonly<Record<string, number | undefined>> = {
  shutting_down: CLOSE_CODE.GOING_AWAY,
  storage_unavailable: CLOSE_CODE.INTERNAL,
  relay_failed: CLOSE_CODE.INTERNAL,
};

/** The peer ended the session, so there is nothing to explain. */
const ORDERLY: ReadonlySet<string> = new Set(['client_closed', 'ended']);

/** What our close frame says for an end of the session: code and reason, or neither. PROTOCOL.md 2.7. */
export function closeOf(reason: string): { readonly code: number | undefined; readonly reason: string } {
  if (ORDERLY.has(reason)) return { code: undefined, reason: '' };
  return { code: CODES[reason] ?? CLOSE_CODE.POLICY, reason };
}
