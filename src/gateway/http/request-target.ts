/** A request target in parts. */
export interface RequestTarget {
  readonly path: string;
  /** Without the question mark; empty when there is none. */
  readonly query: string;
}

/** `http://chat.example:8443`, before the path. */
const ORIGIN = /^https?:\/\/[^/?#]*/i;

/**
 * The path and query of a request target in origin form or absolute form: a server takes both, whatever authority the
 * second one names (RFC 9112, 3.2.1 and 3.2.2).
 */
export function requestTarget(target: string): RequestTarget {
  const rest = target.replace(ORIGIN, '');
  // In absolute form an empty path is the root.
  const origin = rest !== target && !rest.startsWith('/') ? `/${rest}` : rest;
  const mark = origin.indexOf('?');
  if (mark < 0) return { path: origin, query: '' };
  return { path: origin.slice(0, mark), query: origin.slice(mark + 1) };
}

/** `host[:port]`; empty where the target has no authority. RFC 3986, 3.2.2. */
const HOST = /^(\[[0-9a-fA-F:.vV]+\]|[\w.~%!$&'()*+,;=-]*)(:\d*)?$/;

/**
 * Whether a request names its host as HTTP/1.1 wants it: once, and with a name that a host can have. Two Host fields let a
 * proxy and a server take one request for two different sites (RFC 9112, 3.2).
 *
 * @param rawHeaders names and values in turn, as they came
 */
export function hasOneHost(rawHeaders: readonly string[], version: '1.0' | '1.1'): boolean {
  const hosts: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.toLowerCase() === 'host') hosts.push(rawHeaders[at + 1] ?? '');
  }
  if (hosts.length === 0) return version === '1.0';
  return hosts.length === 1 && HOST.test(hosts[0] ?? '');
}
