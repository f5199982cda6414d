import { EXIT } from './exit-codes.ts';

export interface Shutdown {
  /** Aborted by the first SIGTERM or SIGINT. */
  readonly signal: AbortSignal;
  /** Fulfilled by the first SIGTERM or SIGINT. */
  readonly asked: Promise<void>;
}

/** The first SIGTERM or SIGINT asks for an orderly end; the second one ends the process at once. */
export function shutdownOnSignal(): Shutdown {
  const controller = new AbortController();
  const asked = new Promise<void>((resolve) => {
    const stop = (): void => {
      if (controller.signal.aborted) process.exit(EXIT.FAILURE);
      controller.abort();
      resolve();
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  });
  return { signal: controller.signal, asked };
}
