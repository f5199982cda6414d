import { isIP } from 'node:net';
import {
  beginsProxyHeader,
  PROXY_HEADER_LONGEST,
  type ProxyHeader,
  ProxyProtocolError,
  parseProxyHeader,
} from '../../src/gateway/listen/proxy-protocol.ts';
import { attemptWith, must, mustEqual } from '../oracles.ts';
import type { FuzzTarget } from '../target.ts';

type Reading = ProxyHeader | ProxyProtocolError['fault'] | undefined;

function read(bytes: Uint8Array): Reading {
  const { value, error } = attemptWith(ProxyProtocolError, () => parseProxyHeader(bytes));
  return error === undefined ? value : error.fault;
}

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];

function v2(versionAndCommand: number, family: number, rest: readonly number[]): Uint8Array {
  return Uint8Array.from([
    ...SIGNATURE,
    versionAndCommand,
    family,
    rest.length >> 8,
    rest.length & 255,
    ...rest,
  ]);
}

const IPV4 = [192, 0, 2, 1, 198, 51, 100, 1, 0x12, 0x34, 1, 187];
const IPV6 = Array.from({ length: 36 }, (_, index) => index * 7);

export const target: FuzzTarget = {
  name: 'proxy',
  about:
    'PROXY protocol 1 and 2: bytes that come later change no verdict, addresses are addresses, lengths are bounded',
  maxLength: 600,
  form: 'bytes',
  seeds: () => [
    ...['TCP4 192.0.2.1 198.51.100.1 1 443', 'TCP6 2001:db8::1 ::1 65535 443', 'UNKNOWN', 'UNKNOWN x'].map(
      (text) => Buffer.from(`PROXY ${text}\r\nGET / HTTP/1.1`),
    ),
    v2(0x21, 0x11, IPV4),
    v2(0x21, 0x21, [...IPV6, 0x01, 0, 2, 0x68, 0x32, 0x03, 0, 4, 1, 2, 3, 4]),
    v2(0x20, 0x00, [1, 2, 3]),
    v2(
      0x21,
      0x31,
      Array.from({ length: 216 }, () => 65),
    ),
  ],
  run(data) {
    const whole = read(data);
    if (whole === undefined) {
      must(data.length < PROXY_HEADER_LONGEST, 'a header that is never complete is refused');
    }
    // A verdict that came early stays, and no part of a header that is complete has one of its own.
    let first: Reading;
    for (let length = 0; length <= data.length && first === undefined; length++) {
      first = read(data.slice(0, length));
    }
    mustEqual(whole, first, 'bytes that come later change no verdict');
    if (typeof whole !== 'object') return;
    must(
      whole.length <= data.length && whole.length <= PROXY_HEADER_LONGEST,
      'the header lies inside the bytes',
    );
    must(beginsProxyHeader(data) === true, 'what is a header begins like one');
    if (whole.kind === 'client') must(isIP(whole.address) !== 0, 'the address is an address');
    const shifted = Buffer.concat([Buffer.of(0, 0, 0), data]).subarray(3);
    mustEqual(read(shifted), whole, 'a view into a larger buffer is read alike');
  },
};
