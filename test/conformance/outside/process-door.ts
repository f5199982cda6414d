import { spawn } from 'node:child_process';
import { type Decoder, type Door, DoorStream } from '../../kit/doors.ts';

/** A door whose connection is another program: what we write goes to its standard input, what it prints comes out. */
export function processDoor(
  name: string,
  mode: Door['mode'],
  decoder: Decoder,
  command: (port: number) => readonly [string, ...string[]],
): Door {
  return {
    name,
    mode,
    open({ port }) {
      const stream = new DoorStream();
      const [program, ...args] = command(port);
      const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] });
      const decode = decoder(stream);
      child.stdout.on('data', (chunk: Buffer) => {
        try {
          decode(chunk);
        } catch (error) {
          stream.destroy(error instanceof Error ? error : new Error(String(error)));
        }
      });
      child.stdin.on('error', () => undefined);
      child.once('close', () => stream.finishReading());
      stream.begin({
        write: (bytes, done) => child.stdin.write(bytes, () => done()),
        end: () => child.stdin.end(),
        destroy: () => child.kill('SIGKILL'),
        pause: () => child.stdout.pause(),
        resume: () => child.stdout.resume(),
      });
      return stream;
    },
  };
}
