import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import type { AddressSet } from './address-set.ts';

export type ForwardedHeader = 'x-forwarded-for' | 'forwarded';

/** Entries that are looked at, from the right: more proxies than that stand in no chain. */
const MOST_ENTRIES = 32;

/**
 * The address of whoever sent a request. Proxies append to their header, so it is read from the right: each entry was
 * written by the one behind it, and counts only while all that stand behind it are proxies that the operator names. The
 * first address that is none of them is the client's; what stands left of it may be anything that the client made up.
 *
 * @param peer who is at the other end of the connection
 * @param proxies whose header counts
 * @param name the only header that is looked at: a proxy that writes one passes the other on as it came
 */
export function forwardedAddress(
  peer: string,
  headers: IncomingHttpHeaders,
  proxies: AddressSet,
  name: ForwardedHeader,
): string {
  if (!proxies.has(peer)) return peer;
  const value = headers[name];
  if (value === undefined) return peer;
  const text = Array.isArray(value) ? value.join(',') : value;
  let address = peer;
  for (const entry of lastEntries(text)) {
    const named = name === 'forwarded' ? forParameter(entry) : entry;
    const next = nodeAddress(named.trim());
    // Obfuscated or damaged: nothing beyond the last proxy is known.
    if (next === undefined) return address;
    address = next;
    if (!proxies.has(address)) return address;
  }
  return address;
}

/** The value of `for` in one element of `Forwarded`, without its quotes; empty when there is none. RFC 7239, 4. */
function forParameter(element: string): string {
  for (const pair of pairsOf(element)) {
    const equals = pair.indexOf('=');
    if (pair.slice(0, equals).trim().toLowerCase() !== 'for') continue;
    const value = pair.slice(equals + 1).trim();
    const isQuoted = value.length >= 2 && value.startsWith('"') && value.endsWith('"');
    return isQuoted ? value.slice(1, -1).replaceAll(/\\(.)/g, '$1') : value;
  }
  return '';
}

/** An address with or without port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`. */
function nodeAddress(node: string): string | undefined {
  const [, bracketed, plain] = /^\[([^\]%]+)\](?::\w+)?$|^([^:%]+)(?::\w+)?$/.exec(node) ?? [];
  const address = bracketed ?? plain ?? node;
  if (address.includes('%')) return undefined;
  const version = isIP(address);
  if (version === 0 || (bracketed !== undefined && version !== 6)) return undefined;
  return address;
}

/**
 * The entries, the last one first. Quotes are matched from the right as well: what a proxy appended is well formed, while
 * a quote that a client opens, and never closes, would swallow the entry of the proxy behind it.
 */
function* lastEntries(text: string): Generator<string> {
  let quoted = false;
  let end = text.length;
  let found = 0;
  for (let at = text.length - 1; at >= 0; at -= 1) {
    if (text[at] === '"' && !isEscaped(text, at)) quoted = !quoted;
    if (text[at] !== ',' || quoted) continue;
    yield text.slice(at + 1, end);
    end = at;
    found += 1;
    if (found === MOST_ENTRIES) return;
  }
  yield text.slice(0, end);
}

/** Whether an odd number of backslashes stands before it. */
function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text[at - 1 - backslashes] === '\\') backslashes += 1;
  return backslashes % 2 === 1;
}

/** The parameters of one element. */
function pairsOf(element: string): readonly string[] {
  const pairs: string[] = [];
  let quoted = false;
  let start = 0;
  for (let at = 0; at < element.length; at += 1) {
    const character = element[at];
    if (quoted && character === '\\') at += 1;
    else if (character === '"') quoted = !quoted;
    else if (character === ';' && !quoted) {
      pairs.push(element.slice(start, at));
      start = at + 1;
    }
  }
  pairs.push(element.slice(start));
  return pairs;
}
