import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Type } from 'typebox';
import { utf8 } from '../bytes.ts';
import { parseJson } from '../json/json.ts';
import { JsonFloat, type JsonValue } from '../json/json-value.ts';
import { LIMITS } from '../limits.ts';
import { ControlError } from './control-error.ts';
import { decoder, shapeOf } from './decoder.ts';
import { Anything, Flag, list, nullable, oneOf, Text, U8, U64 } from './schema.ts';

const SCHEMA = Type.Object({
  id: Text,
  small: U8,
  big: nullable(U64),
  loss: Type.Number({ default: 0 }),
  flag: Flag,
  mode: oneOf(['on', 'off'], { default: 'off' }),
  inner: Type.Object({ text: Text }, { default: { text: 'preset' } }),
  items: list(Type.Object({ n: U8 })),
  rest: Anything,
});
const decode = decoder(SCHEMA);

const SHORTEST = { id: '', small: 0 };

function problem(value: JsonValue): string {
  try {
    decode(value);
  } catch (error) {
    assert.ok(error instanceof ControlError);
    assert.equal(error.code, 'CONTROL_INVALID');
    return error.message;
  }
  return 'accepted';
}

describe('given a schema with all conventions', () => {
  test('when only required keys are there, then the others take their defaults', () => {
    assert.deepEqual(decode(SHORTEST), {
      id: '',
      small: 0,
      big: null,
      loss: 0,
      flag: false,
      mode: 'off',
      inner: { text: 'preset' },
      items: [],
      rest: null,
    });
  });

  test('when a caller changes a default that it got, then the next structure is not touched', () => {
    decode(SHORTEST).inner.text = 'changed';
    decode(SHORTEST).items.push({ n: 1 });
    assert.deepEqual(decode(SHORTEST).inner, { text: 'preset' });
    assert.deepEqual(decode(SHORTEST).items, []);
  });

  test('when a list is as long as it may be, then it is read; when longer, it is refused, however it was built', () => {
    const items = Array.from({ length: LIMITS.LIST_MAX + 1 }, () => ({ n: 1 }));
    assert.equal(decode({ ...SHORTEST, items: items.slice(1) }).items.length, LIMITS.LIST_MAX);
    assert.equal(problem({ ...SHORTEST, items }), 'items: more than 256 entries');
    const text = JSON.stringify({ ...SHORTEST, items: [...items, ...items, ...items] });
    const value = parseJson(utf8(text), shapeOf(SCHEMA));
    assert.equal((value as { items: JsonValue[] }).items.length, LIMITS.LIST_MAX + 1);
    assert.equal(problem(value), 'items: more than 256 entries');
  });

  test('when keys are unknown, then they are left out, also with impossible values', () => {
    assert.deepEqual(Object.keys(decode({ ...SHORTEST, x: new JsonFloat(1) })).includes('x'), false);
  });

  test('when u64 is at its end, then no digit is lost', () => {
    assert.equal(decode({ ...SHORTEST, big: 2n ** 64n - 1n }).big, 2n ** 64n - 1n);
  });

  test('when a float is spelled in any way, then it is a number', () => {
    assert.equal(decode({ ...SHORTEST, loss: new JsonFloat(2) }).loss, 2);
    assert.equal(decode({ ...SHORTEST, loss: 0.25 }).loss, 0.25);
    assert.equal(decode({ ...SHORTEST, loss: 3 }).loss, 3);
  });

  const faults: ReadonlyArray<readonly [JsonValue, string]> = [
    [null, 'expected an object'],
    [[], 'expected an object'],
    [new JsonFloat(1), 'expected an object'],
    [{ small: 0 }, 'id: is missing'],
    [{ ...SHORTEST, id: null }, 'id: expected a string'],
    [{ ...SHORTEST, small: 256 }, 'small: expected an integer from 0 to 255'],
    [{ ...SHORTEST, small: -1 }, 'small: expected an integer from 0 to 255'],
    [{ ...SHORTEST, small: new JsonFloat(1) }, 'small: expected an integer from 0 to 255'],
    [{ ...SHORTEST, small: 0.5 }, 'small: expected an integer from 0 to 255'],
    [{ ...SHORTEST, small: '1' }, 'small: expected an integer from 0 to 255'],
    [{ ...SHORTEST, small: true }, 'small: expected an integer from 0 to 255'],
    [{ ...SHORTEST, loss: null }, 'loss: expected a number'],
    [{ ...SHORTEST, flag: null }, 'flag: expected true or false'],
    [{ ...SHORTEST, mode: 'On' }, 'mode: expected one of on, off'],
    [{ ...SHORTEST, inner: { text: 1 } }, 'inner.text: expected a string'],
    [{ ...SHORTEST, items: {} }, 'items: expected an array'],
    [{ ...SHORTEST, items: [{ n: 1 }, { n: null }] }, 'items[1].n: expected an integer from 0 to 255'],
  ];
  for (const [value, message] of faults) {
    test(`when something is wrong, then the place is named: ${message}`, () => {
      assert.equal(problem(value), message);
    });
  }

  test('when a key exists only as a member that all objects inherit, then it is missing', () => {
    const inherited = decoder(Type.Object({ constructor: nullable(Text), toString: nullable(Text) }));
    assert.deepEqual(Object.values(inherited({})), [null, null]);
  });
});
