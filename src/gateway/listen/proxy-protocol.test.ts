import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { crc32c } from './crc32c.ts';
import {
  beginsProxyHeader,
  PROXY_HEADER_LONGEST,
  ProxyProtocolError,
  type ProxyProtocolFault,
  parseProxyHeader,
} from './proxy-protocol.ts';

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const IPV4_BLOCK = Buffer.from('c6336407 0a000001 d431 20fb'.replaceAll(' ', ''), 'hex');

function v2(command: number, family: number, rest: Uint8Array, announced = rest.length): Buffer {
  const fixed = Buffer.from([0x20 | command, family, announced >> 8, announced & 0xff]);
  return Buffer.concat([SIGNATURE, fixed, rest]);
}

function tlv(type: number, value: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([type, value.length >> 8, value.length & 0xff]), value]);
}

function faultOf(bytes: Uint8Array): ProxyProtocolFault | undefined {
  try {
    parseProxyHeader(bytes);
  } catch (error) {
    assert.ok(error instanceof ProxyProtocolError);
    return error.fault;
  }
  return undefined;
}

test('given the check value of CRC-32C, when it is computed, then it is the one that everybody knows', () => {
  assert.equal(crc32c(Buffer.from('123456789')), 0xe306_9283);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a91_36aa);
});

const GOOD: readonly (readonly [name: string, header: Buffer, address: string | undefined])[] = [
  ['v1, IPv4', Buffer.from('PROXY TCP4 198.51.100.7 10.0.0.1 54321 8443\r\n'), '198.51.100.7'],
  ['v1, IPv6', Buffer.from('PROXY TCP6 2001:db8::7 fd00::1 1 65535\r\n'), '2001:db8::7'],
  ['v1, unknown', Buffer.from('PROXY UNKNOWN\r\n'), undefined],
  ['v1, unknown with text', Buffer.from('PROXY UNKNOWN ffff:: :: 1 x\r\n'), undefined],
  ['v2, IPv4', v2(1, 0x11, IPV4_BLOCK), '198.51.100.7'],
  ['v2, IPv4 over datagrams', v2(1, 0x12, IPV4_BLOCK), '198.51.100.7'],
  [
    'v2, IPv6',
    v2(1, 0x21, Buffer.from(`20010db8${'00'.repeat(11)}07${'00'.repeat(15)}01d43120fb`, 'hex')),
    '2001:db8:0:0:0:0:0:7',
  ],
  ['v2, unix', v2(1, 0x31, new Uint8Array(216)), undefined],
  ['v2, unspecified', v2(1, 0x00, Buffer.from('whatever')), undefined],
  ['v2, LOCAL', v2(0, 0x00, new Uint8Array(0)), undefined],
  ['v2, LOCAL with an address', v2(0, 0x11, IPV4_BLOCK), undefined],
  [
    'v2 with TLVs',
    v2(
      1,
      0x11,
      Buffer.concat([IPV4_BLOCK, tlv(0x02, Buffer.from('chat.example')), tlv(0x04, new Uint8Array(9))]),
    ),
    '198.51.100.7',
  ],
];

for (const [name, header, address] of GOOD) {
  test(`given a header (${name}), when it comes byte by byte with the client behind it, then it is read at its last byte`, () => {
    const bytes = Buffer.concat([header, Buffer.from('behind it')]);
    for (let length = 0; length < header.length; length += 1) {
      assert.equal(parseProxyHeader(bytes.subarray(0, length)), undefined, `${length} bytes`);
    }
    for (const parsed of [parseProxyHeader(header), parseProxyHeader(bytes)]) {
      assert.equal(parsed?.length, header.length);
      assert.equal(parsed?.kind === 'client' ? parsed.address : undefined, address);
    }
  });
}

test('given a checksum, when a byte of the header changes, then the header is refused', () => {
  const unsigned = v2(
    1,
    0x11,
    Buffer.concat([IPV4_BLOCK, tlv(0x03, new Uint8Array(4)), tlv(0x20, new Uint8Array(5))]),
  );
  const at = 16 + IPV4_BLOCK.length + 3;
  const header = Buffer.from(unsigned);
  header.writeUInt32BE(crc32c(unsigned), at);
  assert.equal(parseProxyHeader(header)?.kind, 'client');
  for (const changed of [16, 20, at, at + 3, header.length - 1]) {
    const broken = Buffer.from(header);
    broken[changed] = (broken[changed] ?? 0) ^ 1;
    assert.equal(faultOf(broken), 'checksum', `byte ${changed}`);
  }
});

const BAD: readonly (readonly [name: string, header: Buffer, fault: ProxyProtocolFault])[] = [
  ['TLS', Buffer.from('160301', 'hex'), 'missing'],
  ['a request', Buffer.from('POST /connect HTTP/1.1\r\n'), 'missing'],
  ['the preface of HTTP/2', Buffer.from('PRI * HTTP/2.0\r\n'), 'missing'],
  ['v1 in small letters', Buffer.from('proxy TCP4'), 'missing'],
  ['v1 without an end', Buffer.from(`PROXY UNKNOWN ${'x'.repeat(200)}`), 'too_long'],
  ['v1, another protocol', Buffer.from('PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n'), 'malformed'],
  ['v1, families mixed', Buffer.from('PROXY TCP4 ::1 1.2.3.4 1 2\r\n'), 'malformed'],
  ['v1, no address', Buffer.from('PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n'), 'malformed'],
  ['v1, port too large', Buffer.from('PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n'), 'malformed'],
  ['v1, port with a zero in front', Buffer.from('PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n'), 'malformed'],
  ['v1, two spaces', Buffer.from('PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n'), 'malformed'],
  ['v1, LF alone', Buffer.from('PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n'), 'malformed'],
  ['v2, version 3', v2(0x10 | 1, 0x11, IPV4_BLOCK), 'malformed'],
  ['v2, unknown command', v2(2, 0x11, IPV4_BLOCK), 'malformed'],
  ['v2, unknown family', v2(1, 0x41, IPV4_BLOCK), 'malformed'],
  ['v2, unknown transport', v2(1, 0x13, IPV4_BLOCK), 'malformed'],
  ['v2, block too short', v2(1, 0x21, IPV4_BLOCK), 'malformed'],
  [
    'v2, TLV beyond the end',
    v2(1, 0x11, Buffer.concat([IPV4_BLOCK, Buffer.from([4, 0, 9, 1])])),
    'malformed',
  ],
  ['v2, half a TLV', v2(1, 0x11, Buffer.concat([IPV4_BLOCK, Buffer.from([4, 0])])), 'malformed'],
  ['v2, short checksum', v2(1, 0x11, Buffer.concat([IPV4_BLOCK, tlv(3, new Uint8Array(3))])), 'malformed'],
  ['v2, 64 KiB announced', v2(1, 0x11, new Uint8Array(0), 65_535), 'too_long'],
];

for (const [name, header, fault] of BAD) {
  test(`given what is no header (${name}), when it is read, then it is refused as ${fault}`, () => {
    assert.equal(faultOf(header), fault);
  });
}

test('given any bytes, when they are read, then the answer is a header within them, a wish for more below the limit, or a fault', () => {
  const start = fc.constantFrom(
    SIGNATURE,
    Buffer.from('PROXY '),
    Buffer.from('PROXY TCP4 '),
    Buffer.alloc(0),
  );
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 300 }), (head, tail) => {
      const bytes = Buffer.concat([head, tail]);
      if (faultOf(bytes) !== undefined) return;
      const header = parseProxyHeader(bytes);
      if (header === undefined) assert.ok(bytes.length < PROXY_HEADER_LONGEST);
      else assert.ok(header.length <= bytes.length && beginsProxyHeader(bytes) === true);
    }),
  );
});
