import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { pause } from '../kit/waiting.ts';
import { FRAME_TYPE, type Http2Frame, Http2FrameReader, http2Frame, PREFACE } from './http2-frames.ts';

/** Attackers come from another address than everybody else, so that limits per address meet them alone. */
export const HOSTILE_ADDRESS = '127.0.0.66';

export interface Target {
  readonly port: number;
  readonly ca: Buffer;
}

/** A socket that never throws and remembers what came. */
export interface RawConnection {
  readonly socket: Socket;
  /** Resolves when the server has ended it, one way or another. */
  readonly closed: Promise<void>;
  received(): Buffer;
  write(bytes: Uint8Array): void;
}

export function openTcp({ port }: Target): RawConnection {
  return raw(connectTcp({ port, host: '127.0.0.1', localAddress: HOSTILE_ADDRESS }));
}

/** TLS whose handshake is done. Rejects when the server refuses the connection. */
export async function openTls({ port, ca }: Target, protocol: 'h2' | 'http/1.1'): Promise<RawConnection> {
  const options = {
    port,
    ca,
    host: '127.0.0.1',
    localAddress: HOSTILE_ADDRESS,
    servername: 'localhost',
    ALPNProtocols: [protocol],
  };
  const socket = connectTls(options);
  const connection = raw(socket);
  const secured = once(socket, 'secureConnect');
  const refused = connection.closed.then(() => {
    throw new Error('the server closed the connection');
  });
  // Whichever comes second has nobody who waits for it.
  for (const outcome of [secured, refused]) outcome.catch(() => undefined);
  await Promise.race([secured, refused]);
  return connection;
}

function raw(socket: Socket): RawConnection {
  const chunks: Buffer[] = [];
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  return {
    socket,
    closed,
    received: () => Buffer.concat(chunks),
    write(bytes) {
      if (!socket.destroyed) socket.write(bytes);
    },
  };
}

/** An HTTP/2 connection of hand-made frames. */
export class RawHttp2 {
  readonly connection: RawConnection;
  readonly frames: Http2Frame[] = [];

  private constructor(connection: RawConnection) {
    this.connection = connection;
    const reader = new Http2FrameReader();
    connection.socket.on('data', (chunk: Buffer) => this.frames.push(...reader.push(chunk)));
  }

  static async open(target: Target, settings: Uint8Array = new Uint8Array(0)): Promise<RawHttp2> {
    const http2 = new RawHttp2(await openTls(target, 'h2'));
    http2.connection.write(Buffer.concat([PREFACE, http2Frame(FRAME_TYPE.SETTINGS, 0, 0, settings)]));
    return http2;
  }

  send(...frames: readonly Uint8Array[]): void {
    this.connection.write(Buffer.concat(frames));
  }

  /** Sends until the server has had enough: `next` makes the bytes of one round. */
  async sendUntilClosed(next: (round: number) => Uint8Array, rounds: number): Promise<boolean> {
    const { socket, closed } = this.connection;
    for (let round = 0; round < rounds && !socket.destroyed; round += 1) {
      if (!socket.write(next(round))) {
        await Promise.race([once(socket, 'drain').catch(() => undefined), closed]);
      }
    }
    await Promise.race([closed, pause(20_000)]);
    return socket.destroyed;
  }

  /** Code of the GOAWAY that came, if any. */
  get goaway(): number | undefined {
    return this.frames.find(({ type }) => type === FRAME_TYPE.GOAWAY)?.payload.readUInt32BE(4);
  }
}
