import { fromHex, utf8 } from '../../src/protocol/bytes.ts';
import { CommuCatError } from '../../src/protocol/frames/errors.ts';
import { canonicalJson, parseJson } from '../../src/protocol/json/json.ts';
import {
  insist,
  joinPieces,
  type Piece,
  piecesJson,
  type VectorCase,
  type VectorFile,
} from './vector-file.ts';

const TEXTS: ReadonlyArray<readonly [name: string, text: string, valid: boolean]> = [
  ['empty object', '{}', true],
  ['white space around and inside', ' \t\r\n{ "relay" :\n true }\n', true],
  ['last of two equal keys counts', '{"n":1,"n":"two"}', true],
  ['a key named __proto__', '{"__proto__":{"relay":true}}', true],
  ['keys beyond the basic plane sort by code point', '{"\u{1f408}":1,"\uff5e":2,"\u00e4":3,"z":4}', true],
  ['all short escapes', '"\\"\\\\\\/\\b\\f\\n\\r\\t"', true],
  ['an escaped surrogate pair', '"\\ud83d\\udc08"', true],
  ['an escaped zero character', '"a\\u0000b"', true],
  ['2^53 - 1', '9007199254740991', true],
  ['2^53 + 1, exact', '9007199254740993', true],
  ['largest unsigned 64-bit integer', '{"serial":18446744073709551615}', true],
  ['smallest signed 64-bit integer', '{"issued_at":-9223372036854775808}', true],
  ['one with a fraction is no integer', '{"ack":1.0}', true],
  ['ten with an exponent is no integer', '{"ack":1e1}', true],
  ['a scalar', 'null', true],
  ['no bytes', '', false],
  ['only white space', ' \n', false],
  ['something behind the document', '{}{}', false],
  ['a comma too many in an object', '{"a":1,}', false],
  ['a comma too many in an array', '[1,]', false],
  ['a key without quotes', '{a:1}', false],
  ['single quotes', "{'a':1}", false],
  ['a comment', '{}//', false],
  ['a missing brace', '{"a":[1,2]', false],
  ['a leading zero', '[012]', false],
  ['a leading plus', '[+1]', false],
  ['a point without digits', '[1.]', false],
  ['hexadecimal', '[0x10]', false],
  ['not a number', '[NaN]', false],
  ['an upper-case literal', '[True]', false],
  ['beyond a double', '[1e400]', false],
  ['minus beyond a double', '[-1e309]', false],
  ['a lone high surrogate', '"\\ud83d"', false],
  ['a lone low surrogate', '"\\udc08 cat"', false],
  ['a pair in the wrong order', '"\\udc08\\ud83d"', false],
  ['an unknown escape', '"\\x41"', false],
  ['a raw line feed in a string', '"a\nb"', false],
  ['an unterminated string', '"cat', false],
  ['a white space that JSON does not know', '\u00a0{}', false],
];

/** What a JavaScript string cannot hold. */
const BYTES: ReadonlyArray<readonly [name: string, pieces: readonly Piece[], valid: boolean]> = [
  ['a byte order mark', [fromHex('efbbbf'), utf8('{}')], false],
  ['a lone continuation byte', [fromHex('22a922')], false],
  ['a truncated character', [fromHex('22f09f9022')], false],
  ['an overlong slash', [fromHex('22c0af22')], false],
  ['a surrogate in UTF-8', [fromHex('22eda08022')], false],
  ['a code point above U+10FFFF', [fromHex('22f490808022')], false],
  ['UTF-16', [fromHex('7b007d00')], false],
  [
    '127 levels',
    [
      { repeat: utf8('['), times: 127 },
      { repeat: utf8(']'), times: 127 },
    ],
    true,
  ],
  [
    '128 levels',
    [
      { repeat: utf8('['), times: 128 },
      { repeat: utf8(']'), times: 128 },
    ],
    false,
  ],
  [
    '127 levels of objects',
    [{ repeat: utf8('{"a":'), times: 126 }, utf8('{}'), { repeat: utf8('}'), times: 126 }],
    true,
  ],
];

/** The document with sorted keys and without white space, or undefined where there is none. */
function canonicalOf(bytes: Uint8Array): string | undefined {
  try {
    return canonicalJson(parseJson(bytes));
  } catch (error) {
    if (error instanceof CommuCatError) return undefined;
    throw error;
  }
}

function textCase([name, text, valid]: readonly [string, string, boolean]): VectorCase {
  const canonical = canonicalOf(utf8(text));
  insist((canonical !== undefined) === valid, name);
  return { name, text, valid, canonical };
}

function bytesCase([name, pieces, valid]: readonly [string, readonly Piece[], boolean]): VectorCase {
  const canonical = canonicalOf(joinPieces(pieces));
  insist((canonical !== undefined) === valid, name);
  return { name, bytes: piecesJson(pieces), valid };
}

export const jsonTexts: VectorFile = {
  about: 'JSON payloads that a reader accepts or refuses.',
  section: '1.4',
  cases: () => [...TEXTS.map(textCase), ...BYTES.map(bytesCase)],
};
