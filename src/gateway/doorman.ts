import type { IncomingHttpHeaders } from 'node:http';
import { connectMode } from './connect-mode.ts';
import { type HttpAnswer, notImplemented, PROBLEMS, tooManyRequests } from './problem.ts';
import type { RateLimiter } from './rate-limiter.ts';

const CONNECT_PATH = '/connect';

/** The head of the answer to a `/connect` that may begin. PROTOCOL.md 2.3. */
export const BINARY_HEAD = {
  'content-type': 'application/octet-stream',
  'cache-control': 'no-store',
  'x-commucat-connect-mode': 'binary',
} as const;

/** What becomes of a request, judged by its head alone. */
export type Admission =
  | { readonly kind: 'session' }
  /** A GET has no upstream: its session is over with the response head. */
  | { readonly kind: 'empty' }
  | { readonly kind: 'refused'; readonly answer: HttpAnswer }
  /** Not for `/connect`. */
  | { readonly kind: 'route'; readonly path: string };

export interface RequestHead {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly address: string;
}

export interface DoormanParts {
  readonly limiter: RateLimiter;
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
    const mark = head.target.indexOf('?');
    const path = mark < 0 ? head.target : head.target.slice(0, mark);
    if (path !== CONNECT_PATH) return { kind: 'route', path };
    const verdict = this.#parts.limiter.check(head.address);
    if (!verdict.allowed) {
      this.#parts.onLimited();
      return { kind: 'refused', answer: tooManyRequests(verdict.retryAfter) };
    }
    if (this.#stopping) return { kind: 'refused', answer: PROBLEMS.stopping };
    if (head.method !== 'POST' && head.method !== 'GET')
      return { kind: 'refused', answer: PROBLEMS.notFound };
    const mode = connectMode({ query: mark < 0 ? '' : head.target.slice(mark + 1), headers: head.headers });
    if (mode !== 'binary') {
      return { kind: 'refused', answer: notImplemented(`the mode ${mode} is not offered yet; use binary`) };
    }
    return { kind: head.method === 'POST' ? 'session' : 'empty' };
  }
}
