import { isIPv4, isIPv6 } from 'node:net';
import { LIMIT_TABLE } from '../../limits/index.ts';
import { crc32c } from './crc32c.ts';

/**
 * The PROXY protocol, versions 1 and 2: what a proxy writes before the first byte of its client, so that the server
 * learns whose connection it is. Facts: "The PROXY protocol", HAProxy, 2020, sections 2.1 and 2.2.
 */

/** What a header says. */
export type ProxyHeader =
  /** The proxy speaks for a client at this address. */
  | { readonly kind: 'client'; readonly address: string; readonly length: number }
  /** The proxy speaks for itself (a health check), or for somebody who has no IP address: the connection's own counts. */
  | { readonly kind: 'own'; readonly length: number };

export type ProxyProtocolFault =
  /** No header where one is required. */
  | 'missing'
  /** Longer than we read. */
  | 'too_long'
  | 'malformed'
  /** The checksum that it carries is not its own. */
  | 'checksum';

export class ProxyProtocolError extends Error {
  readonly fault: ProxyProtocolFault;

  constructor(fault: ProxyProtocolFault) {
    super(`PROXY protocol header: ${fault}`);
    this.name = 'ProxyProtocolError';
    this.fault = fault;
  }
}

const V1_START = Buffer.from('PROXY ', 'latin1');
/** Longest line of version 1, CR LF included. */
const V1_LONGEST = 107;
const V2_START = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);
const V2_FIXED = 16;
/** Bytes that any header of either version fits in. Senders keep theirs below 536. */
export const PROXY_HEADER_LONGEST = LIMIT_TABLE.proxyHeader.value;
/** Longest address block and TLVs of version 2. */
const V2_LONGEST_REST = PROXY_HEADER_LONGEST - V2_FIXED;

const V2_VERSION = 0x2;
const V2_LOCAL = 0x0;
const V2_PROXY = 0x1;
/** Bytes of both addresses and ports, by address family: unspecified, IPv4, IPv6, unix. */
const V2_ADDRESS_BYTES = [0, 12, 36, 216] as const;
const V2_IPV4 = 1;
const V2_IPV6 = 2;
const V2_DATAGRAM = 2;
const TLV_CRC32C = 0x03;
const TLV_HEAD = 3;

/** Whether bytes begin like a header of either version; undefined: there are too few to tell. */
export function beginsProxyHeader(bytes: Uint8Array): boolean | undefined {
  const [v1, v2] = [begins(bytes, V1_START), begins(bytes, V2_START)];
  return v1 === true || v2 === true ? true : v1 === false && v2 === false ? false : undefined;
}

/**
 * Reads the header at the start of `bytes`. Undefined: it is not complete yet. What is too long is refused by its
 * announced length, before its bytes are there.
 *
 * @throws ProxyProtocolError
 */
export function parseProxyHeader(bytes: Uint8Array): ProxyHeader | undefined {
  const begun = beginsProxyHeader(bytes);
  if (begun === undefined) return undefined;
  if (!begun) throw new ProxyProtocolError('missing');
  return bytes[0] === V2_START[0] ? parseV2(bytes) : parseV1(bytes);
}

/** Whether `bytes` start with `start`; undefined: they are a proper prefix of it. */
export function begins(bytes: Uint8Array, start: Uint8Array): boolean | undefined {
  const shared = Math.min(bytes.length, start.length);
  for (let i = 0; i < shared; i += 1) {
    if (bytes[i] !== start[i]) return false;
  }
  return shared === start.length ? true : undefined;
}

function parseV1(bytes: Uint8Array): ProxyHeader | undefined {
  const end = bytes.subarray(0, V1_LONGEST).indexOf(0x0a);
  if (end < 0) {
    if (bytes.length >= V1_LONGEST) throw new ProxyProtocolError('too_long');
    return undefined;
  }
  const line = Buffer.from(bytes.buffer, bytes.byteOffset, end + 1).toString('latin1');
  const length = end + 1;
  if (/^PROXY UNKNOWN( [^\r\n]*)?\r\n$/.test(line)) return { kind: 'own', length };
  const match = /^PROXY TCP([46]) ([0-9a-fA-F.:]+) ([0-9a-fA-F.:]+) (\d{1,5}) (\d{1,5})\r\n$/.exec(line);
  if (match === null) throw new ProxyProtocolError('malformed');
  const [, version, source = '', destination = '', ...ports] = match;
  const isAddress = version === '4' ? isIPv4 : isIPv6;
  if (!isAddress(source) || !isAddress(destination) || !ports.every(isPort)) {
    throw new ProxyProtocolError('malformed');
  }
  return { kind: 'client', address: source, length };
}

function isPort(text: string): boolean {
  return Number(text) <= 65_535 && String(Number(text)) === text;
}

function parseV2(bytes: Uint8Array): ProxyHeader | undefined {
  if (bytes.length < V2_FIXED) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [versionAndCommand, familyAndTransport] = [view.getUint8(12), view.getUint8(13)];
  const command = versionAndCommand & 0x0f;
  if (versionAndCommand >> 4 !== V2_VERSION || command > V2_PROXY) throw new ProxyProtocolError('malformed');
  const rest = view.getUint16(14);
  if (rest > V2_LONGEST_REST) throw new ProxyProtocolError('too_long');
  const length = V2_FIXED + rest;
  if (bytes.length < length) return undefined;
  // What follows in a LOCAL header must be skipped, whatever it is.
  if (command === V2_LOCAL) return { kind: 'own', length };
  const family = familyAndTransport >> 4;
  const addressBytes = V2_ADDRESS_BYTES[family];
  if (addressBytes === undefined || (familyAndTransport & 0x0f) > V2_DATAGRAM || rest < addressBytes) {
    throw new ProxyProtocolError('malformed');
  }
  const header = bytes.subarray(0, length);
  if (family !== 0) checkTlvs(header, V2_FIXED + addressBytes);
  if (family === V2_IPV4) return { kind: 'client', address: ipv4(header), length };
  if (family === V2_IPV6) return { kind: 'client', address: ipv6(view), length };
  return { kind: 'own', length };
}

function ipv4(header: Uint8Array): string {
  return header.subarray(V2_FIXED, V2_FIXED + 4).join('.');
}

function ipv6(view: DataView): string {
  return Array.from({ length: 8 }, (_, group) => view.getUint16(V2_FIXED + 2 * group).toString(16)).join(':');
}

/** Walks over the extensions: they must fill the header exactly, and a checksum must be right. */
function checkTlvs(header: Uint8Array, start: number): void {
  let at = start;
  while (at < header.length) {
    const [type = 0, high = 0, low = 0] = header.subarray(at, at + TLV_HEAD);
    const value = at + TLV_HEAD;
    at = value + ((high << 8) | low);
    if (value > header.length || at > header.length) throw new ProxyProtocolError('malformed');
    if (type === TLV_CRC32C) checkChecksum(header, header.subarray(value, at), value);
  }
}

/** The checksum is that of the header with zeros in the place of the checksum. */
function checkChecksum(header: Uint8Array, value: Uint8Array, at: number): void {
  if (value.length !== 4) throw new ProxyProtocolError('malformed');
  const stated = new DataView(value.buffer, value.byteOffset, 4).getUint32(0);
  if (crc32c(header.slice().fill(0, at, at + 4)) !== stated) throw new ProxyProtocolError('checksum');
}
