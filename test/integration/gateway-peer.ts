import http2 from 'node:http2';
import { toHex } from '../../src/protocol/bytes.ts';
import type { KeyPair } from '../../src/protocol/crypto-backend.ts';
import { encodeFrame, type Frame } from '../../src/protocol/frames/frame.ts';
import { FrameDecoder } from '../../src/protocol/frames/frame-decoder.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { deriveDeviceKey, noiseStaticFromDeviceKey } from '../../src/protocol/identity/keys.ts';
import { proofToJson, proveDeviceKey } from '../../src/protocol/identity/proof.ts';
import type { JsonInput } from '../../src/protocol/json/json.ts';
import { type HandshakeResult, HandshakeState } from '../../src/protocol/noise/noise.ts';
import { RecordOpener, RecordSealer } from '../../src/protocol/noise/record.ts';
import { systemRandom } from '../../src/system/index.ts';
import { backend, DOMAIN, json, PROLOGUE, type TestGateway, text } from './gateway-support.ts';

export interface PeerOptions {
  readonly pattern?: 'XK' | 'IK';
  readonly serverStatic?: Uint8Array;
  /** Changes the HELLO before it is sent. */
  readonly hello?: Readonly<Record<string, JsonInput>>;
  readonly headers?: http2.OutgoingHttpHeaders;
  /** Noise static key other than the one that HELLO names. */
  readonly noiseStatic?: KeyPair;
  /** Prefix of the connection settings. */
  readonly settings?: http2.Settings;
}

/** A client over one HTTP/2 connection, as close to the bytes as a test needs it. */
export class Peer {
  readonly session: http2.ClientHttp2Session;
  readonly stream: http2.ClientHttp2Stream;
  readonly noise: HandshakeState;
  readonly helloJson: Readonly<Record<string, JsonInput>>;
  ciphers: HandshakeResult | undefined;
  #decoder = new FrameDecoder();
  #opener: RecordOpener | undefined;
  #sealer: RecordSealer | undefined;
  #frames: Frame[] = [];
  #ended = false;
  #reset: number | undefined;
  #wake: (() => void) | undefined;
  #plaintextAfterAck = false;

  constructor(gateway: TestGateway, options: PeerOptions = {}) {
    const pattern = options.pattern ?? 'XK';
    const device = deriveDeviceKey(backend, new Uint8Array(32).fill(5));
    const staticKey = noiseStaticFromDeviceKey(backend, device.privateKey);
    this.noise = new HandshakeState({
      backend,
      random: systemRandom,
      pattern,
      initiator: true,
      prologue: PROLOGUE,
      staticKey: options.noiseStatic ?? staticKey,
      remoteStatic: options.serverStatic ?? gateway.keys[0].keyPair.publicKey,
    });
    const statement = {
      domain: DOMAIN,
      deviceId: 'device-1',
      devicePublic: device.publicKey,
      clientStatic: staticKey.publicKey,
    };
    this.helloJson = {
      supported_versions: [1],
      pattern,
      device_id: 'device-1',
      handshake: toHex(this.noise.writeMessage()),
      client_static: toHex(staticKey.publicKey),
      device_public: toHex(device.publicKey),
      zkp: proofToJson(proveDeviceKey(backend, systemRandom, device.privateKey, statement)),
      user: { handle: 'ada' },
      ...options.hello,
    };
    this.session = http2.connect(`https://localhost:${gateway.port}`, {
      ca: gateway.ca,
      host: '127.0.0.1',
      ...(options.settings === undefined ? {} : { settings: options.settings }),
    });
    this.session.on('error', () => undefined);
    this.stream = this.session.request({ ':method': 'POST', ':path': '/connect', ...options.headers });
    this.stream.on('data', (chunk: Uint8Array) => this.#onData(chunk));
    this.stream.on('end', () => this.#finish());
    this.stream.on('error', () => undefined);
    this.stream.on('close', () => {
      this.#reset = this.stream.rstCode;
      this.#finish();
    });
  }

  /** Code of the RST_STREAM that ended the stream, 0 for a clean end; undefined while it is open. */
  get resetCode(): number | undefined {
    return this.#reset;
  }

  head(): Promise<http2.IncomingHttpHeaders> {
    return new Promise((resolve) => this.stream.once('response', resolve));
  }

  write(bytes: Uint8Array): void {
    this.stream.write(bytes);
  }

  sendPlain(type: number, channel: number, sequence: number, payload: Uint8Array): void {
    this.write(encodeFrame(type, channel, sequence, payload));
  }

  sendHello(channel = 0): void {
    this.sendPlain(FRAME.HELLO, channel, 1, json(this.helloJson));
  }

  /** A record of the session with these bytes in it. */
  record(plaintext: Uint8Array): Uint8Array {
    if (this.#sealer === undefined) throw new Error('no session yet');
    const buffer = new Uint8Array(3 + plaintext.length + 16);
    buffer.set(plaintext, 3);
    this.#sealer.seal(buffer, 3, plaintext.length);
    return buffer.subarray(this.#sealer.start, this.#sealer.end);
  }

  send(type: number, channel: number, sequence: number, payload: Uint8Array): void {
    this.write(this.record(encodeFrame(type, channel, sequence, payload)));
  }

  /** The next frame, or undefined at the end of the stream. */
  async next(): Promise<Frame | undefined> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) return frame;
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Reads AUTH and answers it. `auth`: the JSON to send instead of the correct one. */
  async answerAuth(auth?: JsonInput): Promise<Frame> {
    const frame = await this.next();
    if (frame?.type !== FRAME.AUTH) {
      throw new Error(`no AUTH: ${frame === undefined ? 'end' : text(frame.payload)}`);
    }
    this.readAuth(frame);
    const third = this.noise.finished ? '' : toHex(this.noise.writeMessage());
    this.sendPlain(FRAME.AUTH, 0, 2, json(auth ?? { handshake: third }));
    return frame;
  }

  /** The identity in Noise message 2. */
  readAuth(frame: Frame): string {
    const { handshake } = JSON.parse(text(frame.payload)) as { handshake: string };
    return text(this.noise.readMessage(Buffer.from(handshake, 'hex')));
  }

  /** Prepares the record layer; `plaintext` for the older generation. */
  establish(plaintext = false): void {
    this.ciphers = this.noise.split();
    this.#plaintextAfterAck = plaintext;
    this.#sealer = new RecordSealer(this.ciphers.send);
  }

  /** The whole handshake. Returns the ACK. */
  async connect(plaintext = false): Promise<Frame> {
    this.sendHello();
    await this.answerAuth();
    this.establish(plaintext);
    const ack = await this.next();
    if (ack === undefined) throw new Error('no ACK');
    return ack;
  }

  close(): void {
    this.session.destroy();
  }

  #onData(chunk: Uint8Array): void {
    let rest = chunk;
    if (this.#opener === undefined) {
      this.#decoder.push(chunk);
      for (let frame = this.#decoder.next(); frame !== undefined; frame = this.#decoder.next()) {
        this.#frames.push(frame);
        if (frame.type !== FRAME.ACK || this.ciphers === undefined || this.#plaintextAfterAck) continue;
        rest = chunk.subarray(chunk.length - this.#decoder.buffered);
        this.#decoder = new FrameDecoder();
        this.#opener = new RecordOpener(this.ciphers.receive);
        this.#readRecords(rest);
        break;
      }
    } else this.#readRecords(rest);
    this.#wake?.();
  }

  #readRecords(chunk: Uint8Array): void {
    this.#opener?.push(chunk);
    for (let plain = this.#opener?.next(); plain !== undefined; plain = this.#opener?.next()) {
      this.#decoder.push(plain);
      for (let frame = this.#decoder.next(); frame !== undefined; frame = this.#decoder.next()) {
        this.#frames.push(frame);
      }
    }
  }

  #finish(): void {
    this.#ended = true;
    this.#wake?.();
  }
}
