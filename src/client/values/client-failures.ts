import { ClientError } from './client-error.ts';

/** The client ended because it was asked to. */
export function closedError(): ClientError {
  return new ClientError('CLIENT_CLOSED', 'the client is closed');
}

export function notConnected(): ClientError {
  return new ClientError('CLIENT_OPTIONS', 'connect() comes first');
}

export function abortError(signal: AbortSignal | undefined): ClientError {
  return new ClientError('CLIENT_ABORTED', 'the client was aborted', { cause: signal?.reason });
}

/** What a device store threw when it was read. */
export function storeError(cause: unknown): ClientError {
  if (cause instanceof ClientError) return cause;
  return new ClientError('CLIENT_STORE', `the device store cannot be read: ${textOf(cause)}`, { cause });
}

/** What a listener threw, or its promise was rejected with. */
export function listenerError(name: string, cause: unknown): ClientError {
  return new ClientError('CLIENT_LISTENER', `a listener of ${name} failed: ${textOf(cause)}`, { cause });
}

/** What there is to say about something that was thrown. */
export function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
