import { createHash } from 'node:crypto';
import http2 from 'node:http2';
import type { Duplex } from 'node:stream';
import { sodiumBackend as backend } from '../../src/crypto/index.ts';
import { fromHex, toHex, utf8 } from '../../src/protocol/bytes.ts';
import { encodeFrame, type Frame } from '../../src/protocol/frames/frame.ts';
import { FrameDecoder } from '../../src/protocol/frames/frame-decoder.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { deriveDeviceKey, noiseStaticFromDeviceKey } from '../../src/protocol/identity/keys.ts';
import { proofToJson, proveDeviceKey } from '../../src/protocol/identity/proof.ts';
import { type JsonInput, stringifyJson } from '../../src/protocol/json/json-writer.ts';
import { HandshakeState } from '../../src/protocol/noise/noise.ts';
import { RecordOpener, RecordSealer } from '../../src/protocol/noise/record.ts';
import { systemRandom } from '../../src/system/index.ts';
import type { Door } from './doors.ts';

export interface ServerAddress {
  readonly port: number;
  readonly ca: Buffer;
  readonly domain: string;
  readonly noisePublic: string;
}

export interface WireOptions {
  readonly pattern?: 'XK' | 'IK';
  readonly capabilities?: readonly string[];
  /** Names the device key; default: the device id. */
  readonly key?: string;
  /** Names the Noise key, when it is not the device's own. */
  readonly noiseKey?: string;
  /** Added to HELLO; `undefined` takes a key out. */
  readonly hello?: Readonly<Record<string, JsonInput | undefined>>;
  /** The older generation: no versions, the capabilities of its clients, plain frames. */
  readonly older?: boolean;
  /** Default: binary over HTTP/2. */
  readonly door?: Door;
  /** Added to the head of the request; for the default door. */
  readonly head?: Readonly<Record<string, string>>;
  /** Address to connect from; for the default door. */
  readonly from?: string;
}

export interface SeenFrame {
  readonly type: number;
  readonly channel: number;
  readonly sequence: number;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into arbitrary JSON
  readonly json: any;
}

/** CCP-1 over one connection, as close to the bytes as a test needs it; it keeps no rule that it is not told. */
export class WireClient {
  readonly device: string;
  readonly stream: Duplex & { readonly rstCode?: number | undefined };
  readonly hello: Readonly<Record<string, JsonInput>>;
  /** The handshake's ACK. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into arbitrary JSON
  facts: any;
  /** Everything that came, as bytes. */
  readonly raw: Uint8Array[] = [];
  readonly #drop: () => void;
  readonly #noise: HandshakeState;
  readonly #older: boolean;
  #decoder = new FrameDecoder();
  #opener: RecordOpener | undefined;
  #sealer: RecordSealer | undefined;
  readonly #frames: SeenFrame[] = [];
  #sequence = 2;
  #ended = false;
  #established = false;
  #wake: (() => void) | undefined;
  /** HTTP/2 error code of the stream's end; 0 for an orderly one. */
  resetCode: number | undefined;

  constructor(server: ServerAddress, device: string, options: WireOptions = {}) {
    this.device = device;
    this.#older = options.older ?? false;
    const pattern = options.pattern ?? 'XK';
    const key = deriveDeviceKey(backend, seedOf(options.key ?? device));
    const named = noiseStaticFromDeviceKey(backend, key.privateKey);
    const used =
      options.noiseKey === undefined
        ? named
        : noiseStaticFromDeviceKey(backend, deriveDeviceKey(backend, seedOf(options.noiseKey)).privateKey);
    this.#noise = new HandshakeState({
      backend,
      random: systemRandom,
      pattern,
      initiator: true,
      prologue: utf8('commucat'),
      staticKey: used,
      remoteStatic: fromHex(server.noisePublic),
    });
    const statement = {
      domain: server.domain,
      deviceId: device,
      devicePublic: key.publicKey,
      clientStatic: named.publicKey,
    };
    const hello: Record<string, JsonInput | undefined> = {
      ...(this.#older ? { protocol_version: 1 } : { supported_versions: [1] }),
      capabilities: this.#older
        ? ['noise', 'zstd']
        : [...(options.capabilities ?? ['delivery-ack', 'resume'])],
      client_static: toHex(named.publicKey),
      device_id: device,
      device_public: toHex(key.publicKey),
      handshake: toHex(this.#noise.writeMessage()),
      pattern,
      user: { handle: `user-of-${device}` },
      zkp: proofToJson(proveDeviceKey(backend, systemRandom, key.privateKey, statement)),
      ...options.hello,
    };
    this.hello = JSON.parse(JSON.stringify(hello)) as Record<string, JsonInput>;
    if (options.door === undefined) {
      const session = http2.connect(`https://localhost:${server.port}`, {
        ca: server.ca,
        host: '127.0.0.1',
        ...(options.from === undefined ? {} : { localAddress: options.from }),
      });
      session.on('error', () => this.#finish());
      this.stream = session.request({ ':method': 'POST', ':path': '/connect', ...options.head });
      this.#drop = () => session.destroy();
    } else {
      const stream = options.door.open(server);
      this.stream = stream;
      this.#drop = () => stream.destroy();
    }
    this.stream.on('data', (chunk: Uint8Array) => this.#onData(chunk));
    this.stream.on('end', () => this.#finish());
    this.stream.on('error', () => this.#finish());
    this.stream.on('close', () => {
      this.resetCode = this.stream.rstCode;
      this.#finish();
    });
  }

  /** Connects with everything right; throws with the server's answer when it refuses. */
  static async connect(
    server: ServerAddress,
    device: string,
    options: WireOptions = {},
  ): Promise<WireClient> {
    const client = new WireClient(server, device, options);
    await client.handshake();
    return client;
  }

  /** The whole handshake, with everything right; throws with the server's answer when it refuses. */
  async handshake(): Promise<void> {
    this.plain(FRAME.HELLO, 0, 1, stringifyJson(this.hello));
    const auth = await this.next();
    if (auth?.type !== FRAME.AUTH) {
      this.close();
      throw new Error(auth?.text ?? 'the stream ended');
    }
    this.answer(auth);
    const ack = await this.next();
    if (ack?.json?.handshake !== 'ok') {
      this.close();
      throw new Error(ack?.text ?? 'the stream ended');
    }
  }

  write(bytes: Uint8Array): void {
    this.stream.write(bytes);
  }

  /** A frame in clear. */
  plain(type: number, channel: number, sequence: number, payload: string): void {
    this.write(encodeFrame(type, channel, sequence, utf8(payload)));
  }

  /** Reads AUTH, sends message 3 (or what it is told) and switches to what follows the handshake. */
  answer(auth: SeenFrame, payload?: string): void {
    this.#noise.readMessage(fromHex(auth.json.handshake));
    const third = this.#noise.finished ? '' : toHex(this.#noise.writeMessage());
    const { send, receive } = this.#noise.split();
    if (!this.#older) {
      this.#opener = new RecordOpener(receive);
      this.#sealer = new RecordSealer(send);
    }
    this.plain(FRAME.AUTH, 0, 2, payload ?? stringifyJson({ handshake: third }));
  }

  /** Frame bytes as they travel in this session: a record, or for an older client the bytes themselves. */
  wrap(plaintext: Uint8Array): Uint8Array {
    if (this.#sealer === undefined) return plaintext;
    const buffer = new Uint8Array(3 + plaintext.length + 16);
    buffer.set(plaintext, 3);
    this.#sealer.seal(buffer, 3, plaintext.length);
    return buffer.subarray(this.#sealer.start, this.#sealer.end);
  }

  /** Sends a frame; returns its sequence. */
  post(type: number, channel: number, payload: JsonInput | Uint8Array, sequence?: number): number {
    const number = sequence ?? this.nextSequence();
    const bytes = payload instanceof Uint8Array ? payload : utf8(stringifyJson(payload));
    this.write(this.wrap(encodeFrame(type, channel, number, bytes)));
    return number;
  }

  nextSequence(): number {
    this.#sequence += 1;
    return this.#sequence;
  }

  /** Sends a frame and returns its answer, ACK or ERROR; other frames wait for `next` and `until`. */
  async ask(
    type: number,
    channel: number,
    payload: JsonInput | Uint8Array,
    sequence?: number,
  ): Promise<SeenFrame> {
    const number = this.post(type, channel, payload, sequence);
    return this.until(
      (frame) => (frame.type === FRAME.ACK || frame.type === FRAME.ERROR) && frame.json?.ack === number,
    );
  }

  join(channel: number, members: readonly string[]): Promise<SeenFrame> {
    return this.ask(FRAME.JOIN, channel, { members: [...members], relay: true });
  }

  say(channel: number, words: string, sequence?: number): Promise<SeenFrame> {
    return this.ask(FRAME.MSG, channel, utf8(words), sequence);
  }

  /** The next frame that fits; frames that do not stay. @throws Error when the stream ends first */
  async until(fits: (frame: SeenFrame) => boolean): Promise<SeenFrame> {
    for (;;) {
      const at = this.#frames.findIndex(fits);
      if (at >= 0) return this.#frames.splice(at, 1)[0] as SeenFrame;
      if (this.#ended) throw new Error(`${this.device}: the stream ended`);
      await this.#more();
    }
  }

  /** The text of the next message. */
  async hear(): Promise<string> {
    return (await this.until(({ type }) => type === FRAME.MSG)).text;
  }

  /** The next frame, or undefined at the end of the stream. */
  async next(): Promise<SeenFrame | undefined> {
    while (this.#frames.length === 0 && !this.#ended) await this.#more();
    return this.#frames.shift();
  }

  /** Frames that came and nobody asked for. */
  rest(): readonly SeenFrame[] {
    return this.#frames;
  }

  /** Takes out what came and nobody asked for. */
  takeAll(): SeenFrame[] {
    return this.#frames.splice(0);
  }

  get ended(): boolean {
    return this.#ended;
  }

  async end(): Promise<void> {
    while (!this.#ended) await this.#more();
  }

  /** Everything up to this inbox number is processed. */
  confirm(number: number): void {
    this.post(FRAME.ACK, 0, { ack: number });
  }

  /** What has been sent so far has been handled, and what it caused in this session has come. */
  async barrier(): Promise<void> {
    await this.ask(FRAME.LEAVE, 0xffff_fff0, {});
  }

  close(): void {
    this.#drop();
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #onData(chunk: Uint8Array): void {
    this.raw.push(chunk);
    if (this.#established && this.#opener !== undefined) {
      this.#readRecords(this.#opener, chunk);
    } else {
      this.#readFrames(chunk);
    }
    this.#wake?.();
  }

  #readFrames(chunk: Uint8Array): void {
    this.#decoder.push(chunk);
    for (let frame = this.#decoder.next(); frame !== undefined; frame = this.#decoder.next()) {
      const seen = this.#see(frame);
      if (!this.#established && seen.type === FRAME.ACK) {
        this.#established = true;
        this.facts = seen.json;
        if (this.#opener !== undefined) {
          const rest = chunk.subarray(chunk.length - this.#decoder.buffered);
          this.#decoder = new FrameDecoder();
          this.#readRecords(this.#opener, rest);
          return;
        }
      }
    }
  }

  #readRecords(opener: RecordOpener, chunk: Uint8Array): void {
    opener.push(chunk);
    for (let plain = opener.next(); plain !== undefined; plain = opener.next()) {
      this.#decoder.push(plain);
      for (let frame = this.#decoder.next(); frame !== undefined; frame = this.#decoder.next()) {
        this.#see(frame);
      }
    }
  }

  #see({ type, channel, sequence, payload }: Frame): SeenFrame {
    const text = Buffer.from(payload).toString('utf8');
    const seen = { type, channel, sequence, text, json: parsed(text) };
    this.#frames.push(seen);
    return seen;
  }

  #finish(): void {
    this.#ended = true;
    this.#wake?.();
  }
}

function seedOf(name: string): Uint8Array {
  return createHash('sha512').update(name).digest();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
