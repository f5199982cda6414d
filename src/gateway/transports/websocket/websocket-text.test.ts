import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeText } from './websocket-text.ts';

for (const [text, expected] of [
  ['', ''],
  ['aGk=', 'hi'],
  [' \r\n\taGk=\u00a0\n', 'hi'],
  ['aGkh', 'hi!'],
  ['+/+/', '\xfb\xff\xbf'],
] as const) {
  test(`given ${JSON.stringify(text)}, when it is decoded, then bytes`, () => {
    assert.equal(decodeText(Buffer.from(text))?.toString('latin1'), expected);
  });
}

for (const text of ['aGk', 'aG k=', '-_-_', 'aGk==', 'a===', '====', 'aGl=', 'aGk=aGk=', '{"hello":1}']) {
  test(`given ${JSON.stringify(text)}, when it is decoded, then it is no base64`, () => {
    assert.equal(decodeText(Buffer.from(text)), undefined);
  });
}
