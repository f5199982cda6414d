import { ClientHandshake } from '../../src/client/handshake.ts';
import { createDevice, type DeviceIdentity } from '../../src/client/index.ts';
import { nodeBackend, nodeClock, nodeRandom } from '../../src/client/platform-node.ts';
import { ByteArena } from '../../src/protocol/byte-arena.ts';
import { fromHex } from '../../src/protocol/bytes.ts';
import { type Frame, frameLength, writeFrame } from '../../src/protocol/frame.ts';
import { FrameDecoder } from '../../src/protocol/frame-decoder.ts';
import type { HandshakeResult } from '../../src/protocol/noise.ts';
import {
  RECORD_ROOM_BEFORE,
  RECORD_ROOM_BEHIND,
  RecordOpener,
  RecordSealer,
} from '../../src/protocol/record.ts';
import type { RelayServer } from '../servers.ts';
import { type Connection, closeConnection, openConnection } from './connection.ts';

const PROLOGUE = 'commucat';
const arena = new ByteArena(1_048_576);

export interface SessionOptions {
  readonly device?: DeviceIdentity;
  readonly capabilities?: readonly string[];
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
  readonly device: DeviceIdentity;
  readonly #connection: Connection;
  readonly #opener: RecordOpener;
  readonly #sealer: RecordSealer;
  readonly #decoder = new FrameDecoder();
  /** Called for each frame that arrives. */
  onFrame: (frame: Frame) => void = () => undefined;
  /** Called after the last frame of a chunk: the moment to answer with one write. */
  onChunk: () => void = () => undefined;

  private constructor(
    connection: Connection,
    device: DeviceIdentity,
    noise: HandshakeResult,
    rest: Uint8Array,
  ) {
    this.device = device;
    this.#connection = connection;
    this.#opener = new RecordOpener(noise.receive, arena);
    this.#sealer = new RecordSealer(noise.send);
    connection.stream.on('data', (chunk: Uint8Array) => this.#read(chunk));
    connection.stream.on('error', (error) => {
      throw error;
    });
    if (rest.length > 0) this.#read(rest);
  }

  /** Connects and shakes hands by Noise XK. */
  static async open(server: RelayServer, options: SessionOptions = {}): Promise<LoadSession> {
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
      clock: nodeClock,
    });
    const connection = await openConnection(server.address, '/connect');
    const { noise, rest } = await shakeHands(connection.stream, handshake);
    return new LoadSession(connection, device, noise, rest);
  }

  /** Sends `count` frames with this payload and ascending sequences in one record, by one write. */
  send(type: number, channel: number, firstSequence: number, payload: Uint8Array, count = 1): void {
    let length = 0;
    for (let i = 0; i < count; i += 1) length += frameLength(channel, firstSequence + i, payload.length);
    const buffer = Buffer.allocUnsafe(RECORD_ROOM_BEFORE + length + RECORD_ROOM_BEHIND);
    let offset = RECORD_ROOM_BEFORE;
    for (let i = 0; i < count; i += 1) {
      offset = writeFrame(buffer, offset, type, channel, firstSequence + i, payload);
    }
    this.#sealer.seal(buffer, RECORD_ROOM_BEFORE, length);
    this.#connection.stream.write(buffer.subarray(this.#sealer.start, this.#sealer.end));
  }

  async close(): Promise<void> {
    await closeConnection(this.#connection);
  }

  #read(chunk: Uint8Array): void {
    this.#opener.push(chunk);
    for (let plaintext = this.#opener.next(); plaintext !== undefined; plaintext = this.#opener.next()) {
      this.#decoder.push(plaintext);
      for (let frame = this.#decoder.next(); frame !== undefined; frame = this.#decoder.next()) {
        this.onFrame(frame);
      }
    }
    this.onChunk();
  }
}

/** Resolves with the keys, and with what followed the handshake's ACK in its chunk. */
function shakeHands(
  stream: Connection['stream'],
  handshake: ClientHandshake,
): Promise<{ readonly noise: HandshakeResult; readonly rest: Uint8Array }> {
  return new Promise((resolve, reject) => {
    const decoder = new FrameDecoder();
    const onData = (chunk: Uint8Array): void => {
      try {
        decoder.push(chunk);
        for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
          const step = handshake.read(frame);
          if (step.kind === 'send') {
            stream.write(step.bytes);
            continue;
          }
          stream.off('data', onData);
          stream.off('error', reject);
          resolve({ noise: step.noise, rest: chunk.subarray(chunk.length - decoder.buffered) });
          return;
        }
      } catch (error) {
        reject(error);
      }
    };
    stream.on('data', onData);
    stream.on('error', reject);
    stream.write(handshake.hello());
  });
}
