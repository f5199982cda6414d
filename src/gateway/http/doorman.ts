import type { IncomingHttpHeaders } from 'node:http';
import type { ConnectAdmission } from '../admission/admission.ts';
import type { ConnectionGuard } from '../admission/connection-guard.ts';
import type { KnownDevice } from '../admission/tickets.ts';
import { type ConnectMode, connectMode } from '../transports/connect-mode.ts';
import { type HttpAnswer, notImplemented, PROBLEMS, tooManyRequests } from './problem.ts';
import { requestTarget } from './request-target.ts';
import { webSocketFlaw } from './websocket-opening.ts';

const CONNECT_PATH = '/connect';
/** Where a client shows its ticket: in a header, or in the query where it cannot set headers. PROTOCOL.md 2.1. */
const TICKET_HEADER = 'commucat-ticket';
const TICKET_KEY = 'ticket=';

export interface SessionAdmission {
  readonly kind: 'session';
  readonly mode: ConnectMode;
  /** Whom the ticket names, if the request has one; the handshake must be its. */
  readonly known: KnownDevice | undefined;
}

/** What becomes of a request, judged by its head alone. */
export type Admission =
  | SessionAdmission
  /** A GET has no upstream: its session is over with the response head. */
  | { readonly kind: 'empty'; readonly mode: ConnectMode }
  | { readonly kind: 'refused'; readonly answer: HttpAnswer }
  /** Not for `/connect`. */
  | { readonly kind: 'route'; readonly path: string };

export interface RequestHead {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly address: string;
  readonly httpVersion: '1.0' | '1.1' | '2';
  /** `:protocol` of an extended CONNECT (RFC 8441). */
  readonly protocol?: string | undefined;
}

export interface DoormanParts {
  readonly admission: ConnectAdmission;
  readonly guard: Pick<ConnectionGuard, 'mayShakeHands'>;
  readonly onLimited: () => void;
}

/** Decides what a request is, before any byte of its body is looked at. PROTOCOL.md 2.1, 2.2. */
export class Doorman {
  readonly #parts: DoormanParts;
  #stopping = false;

  constructor(parts: DoormanParts) {
    this.#parts = parts;
  }

  /** From now on sessions are refused. */
  stop(): void {
    this.#stopping = true;
  }

  admit(head: RequestHead): Admission {
    const { path, query } = requestTarget(head.target);
    if (path !== CONNECT_PATH) return { kind: 'route', path };
    const verdict = this.#parts.admission.check(head.address, ticketOf(head, query));
    if (!verdict.allowed) {
      this.#parts.onLimited();
      return { kind: 'refused', answer: tooManyRequests(verdict.retryAfter) };
    }
    if (this.#stopping) return { kind: 'refused', answer: PROBLEMS.stopping };
    const { known } = verdict;
    const mayShakeHands = this.#parts.guard.mayShakeHands(head.address, known !== undefined);
    if (!mayShakeHands) return { kind: 'refused', answer: PROBLEMS.busy };
    const { headers, method, protocol } = head;
    if (protocol !== undefined && protocol !== 'websocket') {
      return { kind: 'refused', answer: notImplemented('the only protocol here is websocket') };
    }
    const mode = connectMode({ query, headers, protocol });
    const allowed = method === 'POST' || method === 'GET' || (protocol !== undefined && mode === 'websocket');
    if (!allowed) return { kind: 'refused', answer: PROBLEMS.notFound };
    if (mode === 'websocket') {
      const flaw = webSocketFlaw({ method, headers, protocol, httpVersion: head.httpVersion });
      return flaw === undefined ? { kind: 'session', mode, known } : { kind: 'refused', answer: flaw };
    }
    return method === 'POST' ? { kind: 'session', mode, known } : { kind: 'empty', mode };
  }
}

/** The ticket that a request shows; the header goes before the query. */
function ticketOf({ headers }: RequestHead, query: string): string | undefined {
  const header = headers[TICKET_HEADER];
  if (typeof header === 'string') return header.trim();
  const pair = query.split('&').find((one) => one.startsWith(TICKET_KEY));
  return pair?.slice(TICKET_KEY.length);
}
