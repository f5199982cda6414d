import { BlockList, isIPv4, isIPv6 } from 'node:net';

/**
 * What limits count an address as: an IPv4 address as itself, also when it arrives mapped into IPv6; an IPv6 address as
 * its /64, because one subscriber has at least that much. Anything else (a closed socket has no address) is one shared
 * key: it must not be a way around a limit.
 */
export function addressKey(address: string): string {
  const plain = plainAddress(address);
  if (plain === undefined) return 'unknown';
  if (isIPv4(plain)) return plain;
  return `${groupsOf(plain)
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}

/** An address without its zone, and IPv4 as IPv4 also when it is mapped into IPv6; undefined for anything else. */
export function plainAddress(address: string): string | undefined {
  const plain = address.split('%', 1)[0] ?? '';
  if (isIPv4(plain)) return plain;
  if (!isIPv6(plain)) return undefined;
  const groups = groupsOf(plain);
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (!isMapped) return plain;
  const [high = 0, low = 0] = groups.slice(6);
  return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`;
}

/** The eight 16-bit groups of a valid IPv6 address. */
function groupsOf(address: string): number[] {
  const [head = '', tail] = address.split('::', 2);
  const before = groupsIn(head);
  if (tail === undefined) return before;
  const after = groupsIn(tail);
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
}

function groupsIn(part: string): number[] {
  if (part === '') return [];
  return part.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Whether an address is this machine's own; mapped IPv4 included. */
export function isLoopback(address: string): boolean {
  const plain = plainAddress(address);
  return plain !== undefined && LOOPBACK.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6');
}
