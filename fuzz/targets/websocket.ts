import type { EventEmitter } from 'node:events';
import * as ws from 'ws';
import { OPCODE } from '../../src/gateway/transports/websocket/websocket-frame.ts';
import { WebSocketError, WebSocketReader } from '../../src/gateway/transports/websocket/websocket-reader.ts';
import { decodeText } from '../../src/gateway/transports/websocket/websocket-text.ts';
import { clientFrame } from '../../test/kit/websocket-frames.ts';
import { attemptWith, chunksOf, must, mustEqual } from '../oracles.ts';
import type { FuzzTarget } from '../target.ts';

const LIMITS = { maxBinary: 3_000, maxText: 500 };
const MASK = Uint8Array.of(1, 2, 3, 4);

interface Heard {
  /** Texts, pings, pongs and the close, in their order. */
  readonly events: readonly string[];
  readonly binary: string;
  readonly error: string | undefined;
}

function ours(chunks: Iterable<Uint8Array>): Heard {
  const events: string[] = [];
  let binary = '';
  const reader = new WebSocketReader(
    {
      onBytes: (bytes) => {
        binary += Buffer.from(bytes).toString('latin1');
      },
      onText: (message) => {
        decodeText(message);
        events.push(`text ${message.toString('latin1')}`);
      },
      onTextHeld: () => undefined,
      onPing: (payload) => events.push(`ping ${payload.toString('latin1')}`),
      onPong: (payload) => events.push(`pong ${payload.toString('latin1')}`),
      onOverhead: () => undefined,
      onClose: (code) => events.push(`close ${code ?? 1005}`),
    },
    LIMITS,
  );
  for (const chunk of chunks) {
    const { error } = attemptWith(WebSocketError, () => reader.push(chunk));
    if (error !== undefined) return { events, binary, error: error.message };
  }
  return { events, binary, error: undefined };
}

/** What a stream calls for a chunk; called directly, it answers before it returns. */
const WRITE = '_write';

interface Receiver extends EventEmitter {
  [WRITE](chunk: Buffer, encoding: string, done: (error?: Error) => void): void;
}
const { Receiver } = ws as unknown as { Receiver: new (options: object) => Receiver };

/** The same bytes through another implementation, which gives out binary messages only when they are whole. */
function theirs(bytes: Uint8Array): Heard {
  const events: string[] = [];
  let binary = '';
  let error: string | undefined;
  const receiver = new Receiver({ isServer: true, maxPayload: LIMITS.maxBinary });
  receiver.on('message', (data: Buffer, isBinary: boolean) => {
    if (isBinary) binary += data.toString('latin1');
    else events.push(`text ${data.toString('latin1')}`);
  });
  for (const kind of ['ping', 'pong']) {
    receiver.on(kind, (data: Buffer) => events.push(`${kind} ${data.toString('latin1')}`));
  }
  receiver.on('conclude', (code: number) => events.push(`close ${code}`));
  receiver[WRITE](Buffer.from(bytes), 'latin1', (failure) => {
    error = failure?.message;
  });
  return { events, binary, error };
}

/** Where ours is stricter on purpose. */
const STRICTER = /^(a length in more bytes than it needs|a negative length|a message of more than)/;

export const target: FuzzTarget = {
  name: 'websocket',
  about:
    'WebSocket frames of clients: chunks mean nothing, the same verdict and content as another implementation',
  maxLength: 4_000,
  form: 'bytes',
  seeds: () => {
    const { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT } = OPCODE;
    const frame = (opcode: number, payload: Uint8Array | string, final = true): Buffer =>
      clientFrame(opcode, payload, { mask: MASK, final });
    return [
      [frame(BINARY, 'abc'), frame(PING, 'p'), frame(PONG, '')],
      [frame(TEXT, 'YWJj'), frame(TEXT, 'ä\u{1f600}')],
      [frame(BINARY, 'first', false), frame(PING, 'between'), frame(CONTINUATION, 'last')],
      [frame(TEXT, 'ä'.repeat(90), false), frame(CONTINUATION, ' '.repeat(70))],
      [frame(BINARY, new Uint8Array(300)), frame(CLOSE, Buffer.from('\x03\xe8bye', 'latin1'))],
      [frame(CLOSE, '')],
      [clientFrame(BINARY, 'x', { mask: MASK, lengthBytes: 8 })],
      [clientFrame(BINARY, 'x', { mask: null })],
    ].map((frames) => Buffer.concat([Buffer.of(3), ...frames]));
  },
  run(data) {
    const [seed = 0] = data;
    const bytes = data.subarray(1);
    const whole = ours([bytes.slice()]);
    mustEqual(ours(chunksOf(bytes, seed)), whole, 'where chunks end means nothing');
    const other = theirs(bytes);
    if (whole.error !== undefined && STRICTER.test(whole.error)) return;
    must(whole.binary.startsWith(other.binary), 'binary content is the same');
    if (whole.error === undefined && other.error === undefined) {
      mustEqual(whole.events, other.events, 'both hear the same');
      return;
    }
    // One of them refuses with the first byte that is wrong, the other with the header or the frame that it stands in.
    const complete = Buffer.concat([bytes, new Uint8Array(200)]);
    must(theirs(complete).error !== undefined, `refused although the other accepts it: ${whole.error}`);
    must(ours([complete]).error !== undefined, `accepted although the other refuses it: ${other.error}`);
  },
};
