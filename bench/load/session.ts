import { createDevice, type DeviceIdentity } from '../../src/client/index.ts';
import { nodeBackend, nodeRandom } from '../../src/client/platform-node.ts';
import { ClientHandshake, type EstablishedStep } from '../../src/client/session/handshake.ts';
import { ByteArena } from '../../src/protocol/byte-arena.ts';
import { fromHex } from '../../src/protocol/bytes.ts';
import { type Frame, frameLength, writeFrame } from '../../src/protocol/frames/frame.ts';
import { FrameDecoder } from '../../src/protocol/frames/frame-decoder.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { parseJson } from '../../src/protocol/json/json.ts';
import {
  RECORD_ROOM_BEFORE,
  RECORD_ROOM_BEHIND,
  RecordOpener,
  RecordSealer,
} from '../../src/protocol/noise/record.ts';
import type { RelayServer } from '../servers.ts';
import type { ByteStream, Dial } from './byte-stream.ts';

const PROLOGUE = 'commucat';
const CONNECT_PATH = '/connect';
/** Sequences 1 and 2 were HELLO and AUTH. PROTOCOL.md 5. */
const FIRST_SEQUENCE = 3;
const arena = new ByteArena(1_048_576);

export interface SessionOptions {
  /** The door, and whether sessions share connections. */
  readonly dial: Dial;
  readonly device?: DeviceIdentity;
  readonly capabilities?: readonly string[];
}

interface Established {
  readonly step: EstablishedStep;
  /** What followed the handshake's ACK in its chunk. */
  readonly rest: Uint8Array;
}

/** A new device that no server knows. */
export function newDevice(): DeviceIdentity {
  return createDevice({ random: nodeRandom, backend: nodeBackend });
}

/**
 * The leanest client that speaks the whole protocol: codec and record layer of `src/protocol`, nothing of the SDK behind
 * its handshake, so that the load takes as little as possible of the machine that it shares with the server.
 */
export class LoadSession {
  /** With the certificate that the server issued: with this one the device is a known one. */
  readonly device: DeviceIdentity;
  readonly #stream: ByteStream;
  readonly #stopping: AbortSignal;
  readonly #opener: RecordOpener;
  readonly #sealer: RecordSealer;
  readonly #decoder = new FrameDecoder();
  #rest: Uint8Array;
  /** Sequence of the next frame. */
  sequence = FIRST_SEQUENCE;
  #onFrame: ((frame: Frame) => void) | undefined;
  /** Called after the last frame of a chunk: the moment to answer with one write. */
  onChunk: () => void = () => undefined;

  private constructor(
    stream: ByteStream,
    device: DeviceIdentity,
    stopping: AbortSignal,
    { step, rest }: Established,
  ) {
    this.#stopping = stopping;
    const { facts, issued, noise } = step;
    this.device = { ...device, userId: facts.userId, certificate: issued.certificate };
    this.#stream = stream;
    this.#opener = new RecordOpener(noise.receive, arena);
    this.#sealer = new RecordSealer(noise.send);
    this.#rest = rest;
    stream.onData = (chunk) => this.#read(chunk);
    stream.onLost = (error) => this.#lost(error);
  }

  /** Connects and shakes hands by Noise XK. @throws DoorClosedError when the server does not offer this door */
  static async open(server: RelayServer, options: SessionOptions): Promise<LoadSession> {
    const device = options.device ?? newDevice();
    const handshake = new ClientHandshake({
      settings: {
        pattern: 'XK',
        domain: server.domain,
        serverStatic: fromHex(server.noisePublic),
        prologue: PROLOGUE,
        capabilities: options.capabilities ?? [],
        displayName: undefined,
        avatarUrl: undefined,
      },
      device,
      authority: undefined,
      backend: nodeBackend,
      random: nodeRandom,
    });
    const stream = await options.dial(CONNECT_PATH);
    try {
      const established = await shakeHands(stream, handshake);
      return new LoadSession(stream, device, server.address.stopping, established);
    } catch (error) {
      stream.destroy();
      throw error;
    }
  }

  /** What to do with each frame. Those that came with the handshake's ACK are handed over at once. */
  set onFrame(listener: (frame: Frame) => void) {
    this.#onFrame = listener;
    const rest = this.#rest;
    this.#rest = rest.subarray(rest.length);
    if (rest.length > 0) this.#read(rest);
  }

  /** Sends `count` frames with this payload and ascending sequences in one record, as one unit. */
  send(type: number, channel: number, payload: Uint8Array, count = 1): void {
    const first = this.sequence;
    this.sequence += count;
    let length = 0;
    for (let i = 0; i < count; i += 1) length += frameLength(channel, first + i, payload.length);
    const buffer = Buffer.allocUnsafe(RECORD_ROOM_BEFORE + length + RECORD_ROOM_BEHIND);
    let offset = RECORD_ROOM_BEFORE;
    for (let i = 0; i < count; i += 1) offset = writeFrame(buffer, offset, type, channel, first + i, payload);
    this.#sealer.seal(buffer, RECORD_ROOM_BEFORE, length);
    this.#stream.write(buffer.subarray(this.#sealer.start, this.#sealer.end));
  }

  /** Sends one frame and resolves with the ACK. Only while nothing else is under way. @throws Error for ERROR */
  async request(type: number, channel: number, payload: Uint8Array): Promise<Frame> {
    const answer = new Promise<Frame>((resolve, reject) => {
      this.onFrame = (frame) => {
        if (frame.type === FRAME.ACK) resolve(frame);
        else reject(unexpectedFrame('request', frame));
      };
    });
    this.send(type, channel, payload);
    const frame = await answer;
    this.onFrame = (unasked) => {
      throw unexpectedFrame('after a request', unasked);
    };
    return frame;
  }

  async close(): Promise<void> {
    await this.#stream.close();
  }

  destroy(): void {
    this.#stream.destroy();
  }

  /** Nothing here may end by itself: a load that goes on with fewer sessions measures something else. */
  #lost(error: Error): void {
    if (this.#onFrame === undefined) {
      this.onFrame = (frame) => {
        if (frame.type === FRAME.ERROR) throw unexpectedFrame(this.device.deviceId, frame);
      };
    }
    throw error;
  }

  #read(chunk: Uint8Array): void {
    const onFrame = this.#onFrame;
    if (onFrame === undefined) {
      this.#rest = Buffer.concat([this.#rest, chunk]);
      return;
    }
    this.#opener.push(chunk);
    for (let plaintext = this.#opener.next(); plaintext !== undefined; plaintext = this.#opener.next()) {
      this.#decoder.push(plaintext);
      for (let frame = this.#decoder.next(); frame !== undefined; frame = this.#decoder.next()) {
        // Who comes and goes is told unasked; and a server that stops takes its leave.
        if (frame.type !== FRAME.PRESENCE && !this.#stopping.aborted) this.#onFrame?.(frame);
      }
    }
    this.onChunk();
  }
}

export function unexpectedFrame(who: string, frame: Frame): Error {
  const detail = frame.type === FRAME.ERROR ? `: ${JSON.stringify(parseJson(frame.payload))}` : '';
  return new Error(`${who}: unexpected frame of type ${frame.type}${detail}`);
}

function shakeHands(stream: ByteStream, handshake: ClientHandshake): Promise<Established> {
  return new Promise((resolve, reject) => {
    const decoder = new FrameDecoder();
    stream.onLost = reject;
    stream.onData = (chunk) => {
      try {
        decoder.push(chunk);
        for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
          const step = handshake.read(frame);
          if (step.kind === 'send') {
            stream.write(step.bytes);
            continue;
          }
          const rest = chunk.subarray(chunk.length - decoder.buffered);
          resolve({ step, rest });
          return;
        }
      } catch (error) {
        reject(error);
      }
    };
    stream.write(handshake.hello());
  });
}
