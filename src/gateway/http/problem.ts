import { canonicalJson } from '../../protocol/json/json.ts';

/** A complete answer to a request that is no session. */
export interface HttpAnswer {
  readonly status: number;
  /** Keys in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The problems that the gateway itself answers with; spec text and spelling are the reference's. PROTOCOL.md 2.1. */
export const PROBLEMS = {
  badRequest: problem(400, 'Bad Request'),
  notFound: problem(404, 'Not Found'),
  forbidden: problem(403, 'Forbidden', 'access denied'),
  tooManyHeaders: problem(431, 'Request Header Fields Too Large'),
  internal: problem(500, 'InternalError', 'internal server error'),
  busy: later(problem(503, 'Service Unavailable', 'too many handshakes at once')),
  stopping: problem(503, 'Service Unavailable', 'the server is stopping'),
} as const;

/** An answer that says to come again in a second. */
function later(answer: HttpAnswer): HttpAnswer {
  return { ...answer, headers: { ...answer.headers, 'retry-after': '1' } };
}

/** PROTOCOL.md 2.1. `retryAfter`: whole seconds, 1 or more. */
export function tooManyRequests(retryAfter: number): HttpAnswer {
  const answer = problem(429, 'Too Many Requests');
  return { ...answer, headers: { ...answer.headers, 'retry-after': String(retryAfter) } };
}

/** Something that HTTP knows and this server does not offer. */
export function notImplemented(detail: string): HttpAnswer {
  return problem(501, 'Not Implemented', detail);
}

/** An answer of RFC 9457; keys in ascending order as everything the reference emits. */
export function problem(status: number, title: string, detail?: string): HttpAnswer {
  return {
    status,
    headers: { 'content-type': 'application/problem+json' },
    body: canonicalJson({ detail, status, title, type: 'about:blank' }),
  };
}

/** JSON with keys in ascending order, never cached. */
export function jsonAnswer(value: Parameters<typeof canonicalJson>[0]): HttpAnswer {
  return {
    status: 200,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    body: canonicalJson(value),
  };
}
