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
  const entries = splitOutsideQuotes(Array.isArray(value) ? value.join(',') : value, ',');
  let address = peer;
  for (const entry of entries.slice(-MOST_ENTRIES).reverse()) {
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
  for (const pair of splitOutsideQuotes(element, ';')) {
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

function splitOutsideQuotes(text: string, separator: ',' | ';'): readonly string[] {
  const parts: string[] = [];
  let quoted = false;
  let start = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (quoted && character === '\\') at += 1;
    else if (character === '"') quoted = !quoted;
    else if (character === separator && !quoted) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}
