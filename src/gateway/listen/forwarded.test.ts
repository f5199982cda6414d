import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddressSet } from './address-set.ts';
import { forwardedAddress } from './forwarded.ts';

const PROXIES = new AddressSet(['10.0.0.0/8', 'fd00::/8']);
const PEER = '10.0.0.1';

function byList(value: string, peer = PEER): string {
  return forwardedAddress(peer, { 'x-forwarded-for': value }, PROXIES, 'x-forwarded-for');
}

function byForwarded(value: string): string {
  return forwardedAddress(PEER, { forwarded: value }, PROXIES, 'forwarded');
}

test('given networks, when addresses are looked up, then mapped ones count as IPv4 and zones mean nothing', () => {
  for (const member of ['10.1.2.3', '::ffff:10.1.2.3', '::ffff:0a01:0203', 'fd00::1', 'fd00::1%eth0']) {
    assert.ok(PROXIES.has(member), member);
  }
  for (const stranger of ['11.0.0.1', 'fe00::1', '', 'unknown', '::10.0.0.1']) {
    assert.ok(!PROXIES.has(stranger), stranger);
  }
  assert.ok(!new AddressSet([]).has('127.0.0.1'));
});

test('given a peer that is no proxy, when it sends the header, then its own address counts', () => {
  assert.equal(byList('198.51.100.7', '192.0.2.1'), '192.0.2.1');
  assert.equal(byList('10.0.0.9', ''), '');
});

test('given a proxy, when it sends no header, then its own address counts', () => {
  assert.equal(forwardedAddress(PEER, {}, PROXIES, 'x-forwarded-for'), PEER);
  assert.equal(forwardedAddress(PEER, { forwarded: 'for=1.2.3.4' }, PROXIES, 'x-forwarded-for'), PEER);
});

test('given a chain, when it is read, then the rightmost address that is no proxy is the client, whatever it claims', () => {
  assert.equal(byList('198.51.100.7'), '198.51.100.7');
  assert.equal(byList('127.0.0.1, 198.51.100.7'), '198.51.100.7');
  assert.equal(byList('127.0.0.1, 198.51.100.7, 10.3.3.3,fd00::5'), '198.51.100.7');
  assert.equal(byList('10.9.9.9, 10.3.3.3'), '10.9.9.9');
  assert.equal(byList(`${'127.0.0.1,'.repeat(500)}2001:db8::7`), '2001:db8::7');
});

test('given addresses with ports and brackets, when they are read, then the address is taken out of them', () => {
  assert.equal(byList('198.51.100.7:4711'), '198.51.100.7');
  assert.equal(byList('[2001:db8::7]:4711'), '2001:db8::7');
  assert.equal(byList('[2001:db8::7]'), '2001:db8::7');
});

test('given an entry that is no address, when the chain is read, then the last proxy before it counts', () => {
  for (const entry of [
    'unknown',
    '',
    ' ',
    '_hidden',
    '1.2.3',
    '[1.2.3.4]',
    'fe80::1%eth0',
    '1.2.3.4:5:6',
    '"1.2.3.4"',
  ]) {
    assert.equal(byList(`127.0.0.1, ${entry}, 10.3.3.3`), '10.3.3.3', entry);
  }
});

test('given the standard header, when it is read, then `for` of each element counts, quoted or not', () => {
  assert.equal(byForwarded('for=198.51.100.7'), '198.51.100.7');
  assert.equal(byForwarded('proto=https;FOR="[2001:db8::7]:47";by=10.0.0.1'), '2001:db8::7');
  assert.equal(
    byForwarded('for=127.0.0.1, for=198.51.100.7;host="a,for=1.2.3.4;b", for="10.2.2.2"'),
    '198.51.100.7',
  );
  assert.equal(byForwarded('for=198.51.100.7, proto=https'), PEER);
  assert.equal(byForwarded('for=_gateway'), PEER);
  assert.equal(byForwarded('for="198.51.100.\\7"'), '198.51.100.7');
});

test('given the same header twice, when it is read, then the lines are one chain', () => {
  const headers = { 'x-forwarded-for': ['127.0.0.1', '198.51.100.7'] } as unknown as Record<string, string>;
  assert.equal(forwardedAddress(PEER, headers, PROXIES, 'x-forwarded-for'), '198.51.100.7');
});

test('given a client that opens a quote and never closes it, when our proxy appends its entry, then that entry counts', () => {
  assert.equal(byForwarded('for=1.2.3.4;x=", for=198.51.100.7'), '198.51.100.7');
  assert.equal(byForwarded('for=", for="[2001:db8::7]:47";proto=https'), '2001:db8::7');
  assert.equal(byForwarded('for=1.2.3.4;x="\\, for=198.51.100.7;host="a,b", for=10.3.3.3'), '198.51.100.7');
});
