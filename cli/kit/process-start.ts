import { homedir } from 'node:os';
import { holdSignals } from './signals.ts';

/** Commands that are stopped, and told about new certificates, by signals. */
const SERVERS = new Set(['serve', 'dev']);

/**
 * What a program does before anything else is loaded: a signal that comes meanwhile must not be lost, and the framework
 * of the commands asks the system who the user is, which fails for a uid without a name, as containers have them.
 *
 * @param command first argument of the program
 */
export function startProcess(command: string | undefined): void {
  if (command !== undefined && SERVERS.has(command)) holdSignals();
  const { env } = process;
  env.SHELL ??= 'unknown';
  env.HOME ??= homeOrRoot();
}

function homeOrRoot(): string {
  try {
    return homedir();
  } catch {
    return '/';
  }
}
