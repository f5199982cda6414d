import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unmask } from './websocket-mask.ts';

test('given any length, place in memory and phase, when bytes are unmasked, then each by its own byte of the mask', () => {
  const mask = Uint8Array.of(9, 9, 0x37, 0xfa, 0x21, 0x3d);
  for (let length = 0; length < 120; length += 1) {
    for (let place = 0; place < 4; place += 1) {
      for (let phase = 0; phase < 4; phase += 1) {
        const memory = new Uint8Array(place + length + 5).map((_, index) => (index * 151) & 255);
        const expected = memory.map((byte, index) =>
          index < place || index >= place + length
            ? byte
            : byte ^ (mask[2 + ((phase + index - place) & 3)] ?? 0),
        );
        unmask(memory.subarray(place, place + length), mask, 2, phase);
        assert.deepEqual(memory, expected, `${length} bytes at ${place}, phase ${phase}`);
      }
    }
  }
});
