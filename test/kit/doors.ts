import assert from 'node:assert/strict';
import http2 from 'node:http2';
import https from 'node:https';
import { Duplex, type Readable } from 'node:stream';
import { WebSocket } from 'ws';
import { clientFrame, ServerFrames } from './websocket-frames.ts';

export interface DoorAddress {
  readonly port: number;
  readonly ca: Buffer;
}

/** A way to `/connect`: upstream bytes go into the stream, downstream bytes come out, whatever they look like on the way. */
export interface Door {
  readonly name: string;
  readonly mode: 'binary' | 'sse' | 'long-poll' | 'websocket';
  open(server: DoorAddress): DoorStream;
}

/** How bytes travel on the way. */
interface Way {
  write(bytes: Uint8Array, done: () => void): void;
  /** Our direction ends. */
  end(): void;
  destroy(): void;
  pause(): void;
  resume(): void;
}

/** A line of the line-based modes, as the server wrote it. */
export interface Line {
  readonly channel?: number;
  readonly sequence?: number;
  readonly type?: string;
  readonly keepalive: boolean;
}

export class DoorStream extends Duplex {
  /** Head of the response. */
  head: Readonly<Record<string, unknown>> = {};
  readonly lines: Line[] = [];
  /** WebSocket: what the server's close frame said. */
  closeCode: number | undefined;
  closeReason: string | undefined;
  way: Way | undefined;
  #begun: (() => void)[] = [];

  begin(way: Way): void {
    this.way = way;
    for (const act of this.#begun) act();
    this.#begun = [];
  }

  receive(bytes: Uint8Array): void {
    if (!this.push(bytes)) this.way?.pause();
  }

  finishReading(): void {
    if (!this.readableEnded && !this.destroyed) this.push(null);
  }

  #onceBegun(act: () => void): void {
    if (this.way === undefined) this.#begun.push(act);
    else act();
  }

  override _read(): void {
    this.way?.resume();
  }

  override _write(bytes: Uint8Array, _encoding: string, done: () => void): void {
    this.#onceBegun(() => this.way?.write(bytes, done));
  }

  override _final(done: () => void): void {
    this.#onceBegun(() => {
      this.way?.end();
      done();
    });
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#onceBegun(() => this.way?.destroy());
    done(error);
  }
}

/** Turns a response body into the bytes that it stands for. @throws Error when it is not what the mode writes */
export type Decoder = (stream: DoorStream) => (chunk: Uint8Array) => void;

export const bytes: Decoder = (stream) => (chunk) => stream.receive(chunk);

function blocks(separator: string, read: (stream: DoorStream, block: string) => void): Decoder {
  return (stream) => {
    let waiting = '';
    return (chunk) => {
      waiting += Buffer.from(chunk).toString('latin1');
      for (let at = waiting.indexOf(separator); at >= 0; at = waiting.indexOf(separator)) {
        const block = waiting.slice(0, at);
        waiting = waiting.slice(at + separator.length);
        read(stream, block);
      }
    };
  };
}

export const sse = blocks('\n\n', (stream, block) => {
  if (block === ':ready') return;
  if (block === ':keepalive') {
    stream.lines.push({ keepalive: true });
    return;
  }
  const match = /^event: frame\nid: (\d+)\ndata: ([A-Za-z0-9+/]+={0,2})$/.exec(block);
  assert.ok(match, `unexpected event ${JSON.stringify(block)}`);
  stream.lines.push({ sequence: Number(match[1]), keepalive: false });
  stream.receive(Buffer.from(match[2] ?? '', 'base64'));
});

export const ndjson = blocks('\n', (stream, line) => {
  if (line === '{"keepalive":true}') {
    stream.lines.push({ keepalive: true });
    return;
  }
  const { channel, data, sequence, type } = JSON.parse(line);
  assert.equal(
    line,
    JSON.stringify({ channel, data, sequence, type }),
    'keys are sorted, nothing else is there',
  );
  stream.lines.push({ channel, sequence, type, keepalive: false });
  stream.receive(Buffer.from(data, 'base64'));
});

function connectHttp2({ port, ca }: DoorAddress): http2.ClientHttp2Session {
  const session = http2.connect(`https://localhost:${port}`, { ca, host: '127.0.0.1' });
  session.on('error', () => undefined);
  return session;
}

function wayOf(readable: Readable, way: Pick<Way, 'write' | 'end' | 'destroy'>): Way {
  return { ...way, pause: () => readable.pause(), resume: () => readable.resume() };
}

function postHttp2(server: DoorAddress, query: string, decoder: Decoder): DoorStream {
  const stream = new DoorStream();
  const session = connectHttp2(server);
  const request = session.request({ ':method': 'POST', ':path': `/connect${query}` });
  const decode = decoder(stream);
  request.on('response', (head) => {
    stream.head = head;
  });
  request.on('data', decode);
  request.on('end', () => stream.finishReading());
  request.on('error', (error) => stream.destroy(error));
  request.on('close', () => {
    stream.finishReading();
    session.close();
  });
  stream.begin(
    wayOf(request, {
      write: (chunk, done) => request.write(chunk, () => done()),
      end: () => request.end(),
      destroy: () => session.destroy(),
    }),
  );
  return stream;
}

function postHttp1({ port, ca }: DoorAddress, query: string, decoder: Decoder): DoorStream {
  const stream = new DoorStream();
  const request = https.request({
    host: '127.0.0.1',
    servername: 'localhost',
    port,
    ca,
    method: 'POST',
    path: `/connect${query}`,
    agent: false,
  });
  const decode = decoder(stream);
  request.flushHeaders();
  let response: Readable | undefined;
  request.on('response', (message) => {
    response = message;
    stream.head = message.headers;
    message.on('data', decode);
    message.on('end', () => stream.finishReading());
    message.on('error', () => stream.finishReading());
  });
  request.on('error', (error) => stream.destroy(error));
  stream.begin({
    write: (chunk, done) => request.write(chunk, () => done()),
    end: () => request.end(),
    destroy: () => request.destroy(),
    pause: () => response?.pause(),
    resume: () => response?.resume(),
  });
  return stream;
}

/** An independent client. `text`: base64 upstream. */
function webSocketHttp1({ port, ca }: DoorAddress, text: boolean): DoorStream {
  const stream = new DoorStream();
  const socket = new WebSocket(`wss://localhost:${port}/connect`, {
    ca,
    perMessageDeflate: false,
    servername: 'localhost',
    lookup: (_host, _options, found) => found(null, [{ address: '127.0.0.1', family: 4 }]),
  } as ConstructorParameters<typeof WebSocket>[2]);
  socket.binaryType = 'nodebuffer';
  socket.on('upgrade', ({ headers }) => {
    stream.head = headers;
  });
  socket.on('open', () =>
    stream.begin({
      write: (chunk, done) => {
        if (text) socket.send(Buffer.from(chunk).toString('base64'), () => done());
        else socket.send(chunk, { binary: true }, () => done());
      },
      end: () => socket.close(),
      destroy: () => socket.terminate(),
      pause: () => socket.pause(),
      resume: () => socket.resume(),
    }),
  );
  socket.on('message', (message: Buffer, isBinary: boolean) => {
    if (isBinary) stream.receive(message);
    else stream.destroy(new Error('the server sent text'));
  });
  socket.on('close', (code, reason) => {
    stream.closeCode = code;
    stream.closeReason = reason.toString();
    stream.finishReading();
  });
  socket.on('error', (error) => stream.destroy(error));
  return stream;
}

function webSocketHttp2(server: DoorAddress): DoorStream {
  const stream = new DoorStream();
  const session = connectHttp2(server);
  const frames = new ServerFrames();
  session.once('remoteSettings', () => {
    const request = session.request({
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':path': '/connect',
      ':scheme': 'https',
      ':authority': 'localhost',
      'sec-websocket-version': '13',
    });
    const onFrame = (opcode: number, payload: Buffer): void => {
      if (opcode === 0x2) stream.receive(payload);
      else if (opcode === 0x9) request.write(clientFrame(0xa, payload));
      else if (opcode === 0x8) {
        if (payload.length > 0) stream.closeCode = payload.readUInt16BE();
        stream.closeReason = payload.toString('utf8', 2);
        if (!request.writableEnded) request.end(clientFrame(0x8, payload.subarray(0, 2)));
      } else stream.destroy(new Error(`opcode ${opcode}`));
    };
    request.on('response', (head) => {
      stream.head = head;
    });
    request.on('data', (chunk: Uint8Array) => {
      for (const { opcode, payload } of frames.push(chunk)) onFrame(opcode, payload);
    });
    request.on('end', () => stream.finishReading());
    request.on('error', (error) => stream.destroy(error));
    request.on('close', () => {
      stream.finishReading();
      session.close();
    });
    stream.begin(
      wayOf(request, {
        // A close frame is the last word.
        write: (chunk, done) => {
          if (request.writableEnded) done();
          else request.write(clientFrame(0x2, chunk), () => done());
        },
        end: () => request.end(clientFrame(0x8, '')),
        destroy: () => session.destroy(),
      }),
    );
  });
  session.on('error', (error) => stream.destroy(error));
  return stream;
}

/** Every mode over every version of HTTP that has it. */
export const DOORS: readonly Door[] = [
  { name: 'binary over HTTP/2', mode: 'binary', open: (server) => postHttp2(server, '', bytes) },
  { name: 'binary over HTTP/1.1', mode: 'binary', open: (server) => postHttp1(server, '', bytes) },
  { name: 'SSE over HTTP/2', mode: 'sse', open: (server) => postHttp2(server, '?mode=sse', sse) },
  { name: 'SSE over HTTP/1.1', mode: 'sse', open: (server) => postHttp1(server, '?mode=sse', sse) },
  {
    name: 'NDJSON over HTTP/2',
    mode: 'long-poll',
    open: (server) => postHttp2(server, '?mode=poll', ndjson),
  },
  {
    name: 'NDJSON over HTTP/1.1',
    mode: 'long-poll',
    open: (server) => postHttp1(server, '?mode=poll', ndjson),
  },
  { name: 'WebSocket over HTTP/2', mode: 'websocket', open: webSocketHttp2 },
  { name: 'WebSocket over HTTP/1.1', mode: 'websocket', open: (server) => webSocketHttp1(server, false) },
  { name: 'WebSocket with text upstream', mode: 'websocket', open: (server) => webSocketHttp1(server, true) },
];
