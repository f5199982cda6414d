import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { handleKey, readHandle } from './handle.ts';

describe('given a new handle', () => {
  for (const handle of [
    'alice',
    'Alice',
    'José',
    'Ελένη',
    'алиса',
    '田中さん',
    'alice-1.x_y',
    '김alice',
    '😀',
    'ａlice',
    'x'.repeat(64),
  ]) {
    test(`when it is ${handle}, then it is kept as it is`, () => {
      assert.equal(readHandle(handle), handle.normalize('NFC'));
    });
  }

  test('when it is decomposed, then it is kept composed', () => {
    assert.equal(readHandle('Jose\u0301'), 'Jos\u00e9');
  });

  for (const [what, handle] of [
    ['nothing', ''],
    ['65 units', 'a'.repeat(65)],
    ['64 units that are 384 when folded', '\u3316'.repeat(64)],
    ['a domain', 'a@b'],
    ['a fullwidth @', 'a\uff20b'],
    ['a space', 'a b'],
    ['a no-break space', 'ali\u00a0ce'],
    ['a control character', 'a\u0007'],
    ['a soft hyphen', 'ali\u00adce'],
    ['a zero width joiner', 'alice\u200d'],
    ['an override', '\u202eecila'],
    ['a grapheme joiner', 'alice\u034f'],
    ['a Hangul filler', 'alice\u3164'],
    ['a braille blank', 'alice\u2800'],
    ['a variation selector', 'alice\ufe0f'],
    ['a Mongolian separator', 'alice\u180e'],
    ['tag characters', 'alice\u{e0061}'],
    ['an unassigned character', 'alice\u0378'],
    ['a private character', 'alice\ue000'],
    ['a noncharacter', 'alice\uffff'],
    ['half a character', 'alice\ud83d'],
    ['a mark without a letter', '\u0301'],
    ['a Cyrillic letter among Latin ones', '\u0430lice'],
    ['a Greek letter among Latin ones', 'alic\u03b5'],
  ] as const) {
    test(`when it has ${what}, then it is refused`, () => assert.equal(readHandle(handle), undefined));
  }
});

test('given spellings that look the same, then they have one key, and others have their own', () => {
  const groups = [
    ['alice', 'Alice', 'ALICE', '\uff41lice', '𝒶lice'],
    ['Jos\u00e9', 'Jose\u0301', 'jos\u00e9'],
    ['Stra\u00dfe', 'STRASSE', 'strasse', 'Stra\u1e9ee', 'STRA\u1e9eE'],
    ['ﬁn', 'fin'],
    ['\u0430lice'],
  ];
  const keys = groups.map((group) => new Set(group.map((handle) => handleKey(handle))));
  for (const [index, key] of keys.entries()) assert.equal(key.size, 1, groups[index]?.join(' '));
  assert.equal(new Set(keys.flatMap((key) => [...key])).size, groups.length);
});

test('given any character that a handle may have, when its case or its form changes, then its key does not', () => {
  for (let code = 0x21; code < 0x110000; code += 1) {
    const handle = code >= 0xd800 && code < 0xe000 ? undefined : readHandle(`a${String.fromCodePoint(code)}`);
    if (handle === undefined) continue;
    const key = handleKey(handle);
    for (const other of [
      key,
      handle.toUpperCase(),
      handle.toLowerCase(),
      handle.normalize('NFKD'),
      handle.normalize('NFD'),
    ]) {
      if (handleKey(other) !== key) assert.fail(`U+${code.toString(16)}: ${handleKey(other)} is not ${key}`);
    }
  }
});
