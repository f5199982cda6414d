import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  canonicalJson,
  encodeJson,
  JsonError,
  JsonFloat,
  LEAF,
  membersOf,
  parseJson,
  parseJsonText,
  stringifyJson,
} from './json.ts';

const utf8 = new TextEncoder();

describe('given JSON that a naive parser would change', () => {
  const cases: ReadonlyArray<readonly [string, unknown]> = [
    ['18446744073709551615', 18446744073709551615n],
    ['-9223372036854775808', -9223372036854775808n],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    ['9007199254740993', 9007199254740993n],
    ['18446744073709551616', new JsonFloat(2 ** 64)],
    ['-9223372036854775809', new JsonFloat(-(2 ** 63))],
    ['1.0', new JsonFloat(1)],
    ['1e1', new JsonFloat(10)],
    ['-0', new JsonFloat(-0)],
    ['1e-400', new JsonFloat(0)],
    ['0.5', 0.5],
    ['-0.5', -0.5],
    ['[1,2.5,3.0]', [1, 2.5, new JsonFloat(3)]],
    ['{"a":1.5,"a":2}', { a: 2 }],
    ['"\\ud83d\\ude00"', '😀'],
  ];
  for (const [text, expected] of cases) {
    test(`when ${text} is parsed, then nothing is lost`, () => {
      assert.deepEqual(parseJsonText(text), expected);
    });
  }

  test('when a key is __proto__, then it is data, in both parsers', () => {
    for (const text of ['{"__proto__":{"polluted":1}}', '{"__proto__":{"polluted":1},"n":1.0}']) {
      const value = parseJsonText(text) as Record<string, unknown>;
      assert.deepEqual(Object.keys(value)[0], '__proto__');
      assert.equal(Object.getPrototypeOf(value), Object.prototype);
      assert.equal(value.polluted, undefined);
    }
  });
});

describe('given text that is not the JSON of the protocol', () => {
  const texts = [
    '',
    ' ',
    '{}x',
    '{}{}',
    '[1,]',
    '{"a":1,}',
    "{'a':1}",
    '{"a" 1}',
    '01',
    '1.',
    '.5',
    '+1',
    'NaN',
    'TRUE',
    'nul',
    '1e400',
    '-1e400',
    '9'.repeat(400),
    '"\\ud83d"',
    '"\\ude00"',
    '"\\ud83dx"',
    '{"\\ud83d":1}',
    '"\\x41"',
    '"a\nb"',
    '"abc',
    '\ufeff{}',
    '\u00a0{}',
    '\f{}',
    '[1.5',
    '{"a":1.5',
    '[1.5,]',
    '{"a":1.5,}',
    '{1.5:1}',
    '1.5 2',
    '"\\',
  ];
  for (const text of texts) {
    test(`when ${JSON.stringify(text.slice(0, 20))} is parsed, then it is refused`, () => {
      assert.throws(() => parseJson(utf8.encode(text)), JsonError);
      // Behind this array the careful parser reads the same text, and must agree.
      assert.throws(() => parseJsonText(`[1.0,${text}]`), JsonError);
    });

    test(`when ${JSON.stringify(text.slice(0, 20))} stands where nothing is wanted, then it is refused all the same`, () => {
      for (const around of [text, `[[],${text}]`, `{"a":[{"b":${text}}]}`, `{"a":${text},"c":1}`]) {
        assert.throws(() => parseJson(utf8.encode(around), LEAF), JsonError, around.slice(0, 40));
        assert.throws(() => parseJson(utf8.encode(around), membersOf({ c: LEAF })), JsonError);
      }
    });
  }

  test('when the bytes are not UTF-8, then they are refused', () => {
    for (const bytes of [
      [0x22, 0xff, 0x22],
      [0x22, 0xc0, 0x80, 0x22],
      [0x22, 0xed, 0xa0, 0x80, 0x22],
    ]) {
      assert.throws(() => parseJson(Uint8Array.from(bytes)), JsonError);
    }
  });

  test('when it nests 127 levels it passes, with 128 it is refused, whatever the depth of the caller', () => {
    const nest = (levels: number): string =>
      '[{"a":'.repeat(levels / 2) + '1'.padStart(2) + '}]'.repeat(levels / 2);
    assert.ok(parseJsonText(nest(126)));
    assert.ok(parseJsonText(`[${nest(126)}]`));
    assert.throws(() => parseJsonText(nest(128)), JsonError);
    assert.throws(() => parseJsonText('['.repeat(200_000)), JsonError);
  });

  test('when it has many brackets side by side or inside texts, then only the depth counts', () => {
    assert.equal((parseJsonText(`[${'[],'.repeat(500)}0]`) as unknown[]).length, 501);
    assert.equal(parseJsonText(`"${'['.repeat(500)}"`), '['.repeat(500));
  });
});

describe('given a reader that wants some members', () => {
  const shape = membersOf({
    n: LEAF,
    list: { items: membersOf({ id: LEAF }) },
    map: { others: LEAF, most: 2 },
    names: { items: { textOnly: true } },
  });
  const read = (text: string): unknown => JSON.parse(JSON.stringify(parseJson(utf8.encode(text), shape)));

  test('when a text has them and others, then only the wanted ones are built', () => {
    const text =
      '{"x":[{"deep":[1,2,{}]}],"n":1,"n":7,"list":[{"id":"a","y":[[]]},{},[],3],"map":{"p":1,"q":2,"r":3},"names":["a",1.5,["b"],null]}';
    assert.deepEqual(read(text), {
      n: 7,
      list: [{ id: 'a' }, {}, [], 3],
      map: { p: 1, q: 2 },
      names: ['a', null, [], null],
    });
  });

  test('when a wanted place holds an array or an object, then its kind is told and nothing of it is built', () => {
    assert.deepEqual(read(`{"n":{"a":${'['.repeat(100)}${']'.repeat(100)}}}`), { n: {} });
    assert.deepEqual(read(`{"n":[${'{"k":[]},'.repeat(20_000)}0]}`), { n: [] });
    assert.deepEqual(read(`[${'[],'.repeat(80_000)}0]`), []);
  });

  test('when a peer names members of every object, then they are data and change no prototype', () => {
    const value = parseJson(
      utf8.encode('{"__proto__":{"a":1},"n":"x"}'),
      membersOf({ n: LEAF, ['__proto__']: LEAF }),
    );
    assert.equal(Object.hasOwn(value as object, 'toString'), false);
    assert.equal((value as { a?: unknown }).a, undefined);
  });

  test('when it nests deeper than the caller allows, then it is refused where nothing is wanted too', () => {
    const nested = (levels: number): Uint8Array => utf8.encode('['.repeat(levels) + ']'.repeat(levels));
    assert.deepEqual(parseJson(nested(16), LEAF, 16), []);
    assert.throws(() => parseJson(nested(17), LEAF, 16), JsonError);
    assert.throws(() => parseJson(nested(128), LEAF), JsonError);
  });

  test('when a number is as large as a double, then it passes, and the next larger one is refused, wanted or not', () => {
    for (const text of [
      '1.7976931348623157e308',
      '0.00017976931348623157e312',
      '-17976931348623157e292',
      '0e999999',
    ]) {
      for (const wanted of [LEAF, membersOf({ x: LEAF })]) {
        assert.doesNotThrow(() => parseJson(utf8.encode(`[{"x":${text}}]`), wanted), text);
      }
    }
    for (const text of ['1.7976931348623159e308', '1e309', '0.0001e313', `9${'0'.repeat(309)}`]) {
      for (const wanted of [LEAF, { items: membersOf({ x: LEAF }) }]) {
        assert.throws(() => parseJson(utf8.encode(`[{"x":${text}}]`), wanted), JsonError, text);
      }
    }
  });
});

describe('given values to write', () => {
  test('when keys are sorted, then by their UTF-8 bytes at every level', () => {
    const value = { '😀': 1, '\uffff': 2, b: { z: 1, a: 2 }, a: 3, '': 4 };
    assert.equal(canonicalJson(value), '{"":4,"a":3,"b":{"a":2,"z":1},"\uffff":2,"😀":1}');
  });

  test('when floats are written, then as the reference spells them', () => {
    const spellings: ReadonlyArray<readonly [number, string]> = [
      [0, '0.0'],
      [-0, '-0.0'],
      [1000, '1000.0'],
      [1e15, '1000000000000000.0'],
      [1e16, '1e16'],
      [1e21, '1e21'],
      [123456789012345680, '1.2345678901234568e17'],
      [-1e300, '-1e300'],
    ];
    for (const [value, text] of spellings) assert.equal(canonicalJson(new JsonFloat(value)), text);
    assert.equal(canonicalJson([0.1, 0.00001, 0.000001, 5e-324, 12.5]), '[0.1,0.00001,1e-6,5e-324,12.5]');
  });

  test('when members are undefined, then they are left out; big integers keep their digits', () => {
    assert.equal(stringifyJson({ b: undefined, a: 18446744073709551615n }), '{"a":18446744073709551615}');
  });

  test('when a text holds half a surrogate pair, then peers can still read the result', () => {
    const bytes = encodeJson({ detail: 'a\ud83d', pair: '😀' });
    assert.deepEqual(parseJson(bytes), { detail: 'a\ufffd', pair: '😀' });
  });

  test('when a number is not finite, then it is refused', () => {
    assert.throws(() => stringifyJson(Number.NaN), RangeError);
    assert.throws(() => stringifyJson({ a: Number.POSITIVE_INFINITY }), RangeError);
  });

  test('when parsed JSON is written and parsed again, then it is the same', () => {
    const text =
      '{"a":[1,2.5,3.0,-0,null,true,"x\\u0000\\"\\\\/"],"b":{"n":18446744073709551615},"é":"日本🦀"}';
    const value = parseJsonText(text);
    assert.deepEqual(parseJsonText(stringifyJson(value)), value);
    assert.deepEqual(parseJsonText(canonicalJson(value)), value);
  });
});
