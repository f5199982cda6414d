import { isIP } from 'node:net';
import { AddressSet } from '../../src/gateway/listen/address-set.ts';
import { type ForwardedHeader, forwardedAddress } from '../../src/gateway/listen/forwarded.ts';
import { must, mustEqual } from '../oracles.ts';
import type { FuzzTarget } from '../target.ts';

const PROXY = '10.0.0.1';
const OTHER_PROXY = 'fd00::7';
const CLIENT = '203.0.113.7';
const proxies = new AddressSet(['10.0.0.0/8', 'fd00::/8']);
const NAMES = ['x-forwarded-for', 'forwarded'] as const;

function addressOf(peer: string, name: ForwardedHeader, value: string): string {
  return forwardedAddress(peer, { [name]: value }, proxies, name);
}

/** What our own proxy appends for a client. */
function entry(name: ForwardedHeader, address: string): string {
  if (name === 'x-forwarded-for') return address;
  return `for=${isIP(address) === 6 ? `"[${address}]:4711"` : address};proto=https;host="example.org"`;
}

export const target: FuzzTarget = {
  name: 'forwarded',
  about: 'X-Forwarded-For and Forwarded: whatever a client writes, the entry that our proxy appends decides',
  maxLength: 400,
  form: 'bytes',
  seeds: () =>
    [
      '\x0198.51.100.1, 10.0.0.2',
      '\x01for=198.51.100.1;proto=https, for="[2001:db8::1]:80";by=unknown',
      '\x01for=_hidden, for="\\"", for=unknown',
      '\x01FOR = "192.0.2.1:80" ; x="a,b;c"',
    ].map((text) => Buffer.from(text, 'latin1')),
  run(data) {
    const name = NAMES[(data[0] ?? 0) % 2] ?? 'forwarded';
    const value = Buffer.from(data.subarray(1)).toString('latin1');
    must(isIP(addressOf(PROXY, name, value)) !== 0, 'the result is an address');
    mustEqual(addressOf(CLIENT, name, value), CLIENT, 'the header of a stranger does not count');
    const appended = `${value}, ${entry(name, CLIENT)}`;
    mustEqual(
      addressOf(PROXY, name, appended),
      CLIENT,
      'nothing that a client writes hides or changes its address',
    );
    const twice = `${appended}, ${entry(name, OTHER_PROXY)}`;
    mustEqual(addressOf(PROXY, name, twice), CLIENT, 'nor behind two proxies');
  },
};
