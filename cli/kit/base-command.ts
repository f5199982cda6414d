import { formatWithOptions } from 'node:util';
import { Command, Errors, Flags } from '@oclif/core';
import { describeError } from './describe-error.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { printable, printableLines } from './printable.ts';

export const jsonFlag = Flags.boolean({ description: 'Print JSON, one document on one line.' });

/** What all commands share: how they end. An error is one clear line, and a stack trace only where DEBUG is set. */
export abstract class BaseCommand extends Command {
  protected override async init(): Promise<void> {
    await super.init();
    process.once('uncaughtException', (error) => {
      if (isOfOutput(error)) return this.outputFailed(error);
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
    if (error.code === 'EPIPE') process.exit(EXIT.OK);
    process.stderr.write(this.#report(new Error(`the output could not be written: ${error.message}`)));
    process.exit(EXIT.FAILURE);
  }

  /** Whatever is printed, by whomever it was written, commands no terminal. */
  override log(format?: string, ...values: readonly unknown[]): void {
    super.log('%s', printableLines(formatWithOptions({}, format, ...values)));
  }

  override logToStderr(format?: string, ...values: readonly unknown[]): void {
    super.logToStderr('%s', printableLines(formatWithOptions({}, format, ...values)));
  }

  /** Prints one of many lines, as fast as they are read. */
  protected async line(text: string): Promise<void> {
    this.log('%s', printable(text));
    if (!process.stdout.writableNeedDrain) return;
    // An error ends the process by `outputFailed`.
    await new Promise((drained) => process.stdout.once('drain', drained));
  }

  /** Ends the command when its output has been taken: what could not be written is no success. */
  protected async end(exitCode: number): Promise<never> {
    const error = await new Promise<NodeJS.ErrnoException | null | undefined>((written) =>
      process.stdout.write('', written),
    );
    if (error) this.outputFailed(error);
    return this.exit(exitCode);
  }

  /** One JSON document on a line of its own. */
  protected print(value: unknown): void {
    this.log('%s', printable(JSON.stringify(value)));
  }

  protected override async catch(error: Error): Promise<never> {
    // Those of oclif itself (wrong usage, exit) know what to say and how to end.
    if (error instanceof Errors.CLIError) throw error;
    if (isOfOutput(error)) this.outputFailed(error);
    process.stderr.write(this.#report(error));
    return this.exit(exitCodeOf(error));
  }

  #report(error: unknown): string {
    const stack = process.env.DEBUG && error instanceof Error ? `\n${error.stack ?? ''}` : '';
    const text = `${this.config.bin} ${this.id?.replaceAll(':', ' ') ?? ''}: ${describeError(error)}${stack}`;
    return `${printableLines(text)}\n`;
  }
}

/** Node.js throws what a file that is the output does not take, and tells of it like of any other file. */
function isOfOutput(error: NodeJS.ErrnoException): boolean {
  return error.syscall === 'write' && error.path === undefined && !('address' in error);
}
