import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ByteStream } from './byte-stream.ts';
import { SseStream } from './sse-stream.ts';

class Upstream implements ByteStream {
  readonly written: Uint8Array[] = [];
  onData: (chunk: Uint8Array) => void = () => undefined;
  onLost: (error: Error) => void = () => undefined;
  write(unit: Uint8Array): void {
    this.written.push(unit);
  }
  async close(): Promise<void> {}
  destroy(): void {}
}

const RECORDS = [Buffer.from('first'), Buffer.alloc(300, 0xfe), Buffer.from([0])];
const TEXT = `:ready\n\n${RECORDS.map((record, index) => `event: frame\nid: ${index}\ndata: ${record.toString('base64')}\n\n`).join(':keepalive\n\n')}`;

for (const size of [1, 7, TEXT.length]) {
  test(`the records of events are found in chunks of ${size} bytes`, () => {
    const upstream = new Upstream();
    const stream = new SseStream(upstream);
    const found: Buffer[] = [];
    stream.onData = (chunk) => found.push(Buffer.from(chunk));
    for (let offset = 0; offset < TEXT.length; offset += size) {
      upstream.onData(Buffer.from(TEXT.slice(offset, offset + size)));
    }
    assert.deepEqual(found, RECORDS);
  });
}

test('upstream bytes stay as they are', () => {
  const upstream = new Upstream();
  new SseStream(upstream).write(Buffer.from('raw'));
  assert.deepEqual(upstream.written, [Buffer.from('raw')]);
});
