import { Command, Errors, Flags } from '@oclif/core';
import { describeError, EXIT, exitCodeOf } from './exit-codes.ts';

export const jsonFlag = Flags.boolean({ description: 'Print JSON, one document on one line.' });

/** What all commands share: how they end. An error is one clear line, and a stack trace only where DEBUG is set. */
export abstract class BaseCommand extends Command {
  protected override async init(): Promise<void> {
    await super.init();
    process.once('uncaughtException', (error) => {
      process.stderr.write(this.#report(error));
      process.exit(exitCodeOf(error));
    });
    process.stdout.on('error', (error: NodeJS.ErrnoException) => this.outputFailed(error));
    // A message that nobody takes is no reason to end.
    process.stderr.on('error', () => undefined);
  }

  /** Standard output takes nothing any more. Servers go on; all else has no reason to. */
  protected outputFailed(error: NodeJS.ErrnoException): void {
    // The reader of a pipe, such as head, has seen enough.
    process.exit(error.code === 'EPIPE' ? EXIT.OK : EXIT.FAILURE);
  }

  /** One JSON document on a line of its own. */
  protected print(value: unknown): void {
    this.log('%s', JSON.stringify(value));
  }

  protected override async catch(error: Error): Promise<never> {
    // Those of oclif itself (wrong usage, exit) know what to say and how to end.
    if (error instanceof Errors.CLIError) throw error;
    process.stderr.write(this.#report(error));
    return this.exit(exitCodeOf(error));
  }

  #report(error: unknown): string {
    const stack = process.env.DEBUG && error instanceof Error ? `\n${error.stack ?? ''}` : '';
    return `${this.config.bin} ${this.id?.replaceAll(':', ' ') ?? ''}: ${describeError(error)}${stack}\n`;
  }
}
