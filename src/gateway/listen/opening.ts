import type { Socket } from 'node:net';
import type { Clock } from '../../ports/ports.ts';

export interface OpeningParts<T> {
  readonly socket: Socket;
  readonly clock: Clock;
  /** Time for all of it, in milliseconds. */
  readonly deadlineMs: number;
  /**
   * Looks at everything that has come. `undefined`: it needs more; it must settle or throw within a bounded length, which
   * bounds what is kept. `length`: how many bytes it takes away, 0 for a mere look.
   */
  readonly parse: (bytes: Uint8Array) => ({ readonly length: number } & T) | undefined;
}

/** The opening did not come: the peer was too slow, or ended the connection. */
export class OpeningError extends Error {
  readonly fault: 'timeout' | 'closed';

  constructor(fault: 'timeout' | 'closed') {
    super(`the opening bytes of a connection: ${fault}`);
    this.name = 'OpeningError';
    this.fault = fault;
  }
}

/**
 * Reads the first bytes of a connection that nobody reads yet, and puts back what lies behind them: to whoever reads the
 * socket next, it begins there.
 *
 * @throws OpeningError, and whatever `parse` throws. The socket is for the caller to destroy.
 */
export function readOpening<T>(parts: OpeningParts<T>): Promise<{ readonly length: number } & T> {
  const { clock, deadlineMs, parse, socket } = parts;
  let bytes: Buffer = Buffer.alloc(0);
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      cancel();
      socket.off('readable', look);
      socket.off('end', ended);
      socket.off('close', ended);
      act();
    };
    const ended = (): void => settle(() => reject(new OpeningError('closed')));
    const look = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      try {
        const opening = parse(bytes);
        if (opening === undefined) return;
        settle(() => {
          if (opening.length < bytes.length) socket.unshift(bytes.subarray(opening.length));
          resolve(opening);
        });
      } catch (error) {
        settle(() => reject(error));
      }
    };
    const cancel = clock.after(deadlineMs, () => settle(() => reject(new OpeningError('timeout'))));
    socket.on('readable', look);
    socket.once('end', ended);
    socket.once('close', ended);
    if (socket.destroyed) ended();
  });
}
