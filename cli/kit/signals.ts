import { EXIT } from './exit-codes.ts';

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
type Signal = (typeof SIGNALS)[number];

/** Those that came before the command could act on them. A process has its signals once, hence a state of the module. */
const early: Signal[] = [];
const hold = (signal: Signal): void => void early.push(signal);

/**
 * Keeps SIGTERM, SIGINT and SIGHUP from ending the process until `shutdownOnSignal` acts on them: the first line of a
 * program that runs for long, before anything else is loaded.
 */
export function holdSignals(): void {
  for (const signal of SIGNALS) process.on(signal, hold);
}

export interface Shutdown {
  /** Aborted by the first signal that asks for an end. */
  readonly signal: AbortSignal;
  /** Fulfilled by the first signal that asks for an end. */
  readonly asked: Promise<void>;
}

/**
 * The first SIGTERM or SIGINT asks for an orderly end; the second one ends the process at once. SIGHUP, sent when the
 * terminal is closed, does the same, unless `onHangup` gives it another meaning.
 */
export function shutdownOnSignal(onHangup?: () => void): Shutdown {
  const controller = new AbortController();
  const asked = new Promise<void>((resolve) => {
    const stop = (): void => {
      if (controller.signal.aborted) process.exit(EXIT.FAILURE);
      controller.abort();
      resolve();
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
    // A terminal that closes often sends it twice.
    process.on('SIGHUP', onHangup ?? (() => controller.signal.aborted || stop()));
  });
  for (const signal of SIGNALS) process.off(signal, hold);
  for (const signal of early.splice(0)) process.emit(signal, signal);
  return { signal: controller.signal, asked };
}
