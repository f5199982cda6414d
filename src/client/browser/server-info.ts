import {
  answerDeadline,
  noAnswer,
  readServerInfo,
  SERVER_INFO,
  type ServerInfo,
  serverInfoUrl,
  tooLong,
} from '../transports/server-info.ts';
import { ClientError } from '../values/client-error.ts';
import { textOf } from '../values/client-failures.ts';

/** Options of `fetchServerInfo`. */
export interface ServerInfoOptions {
  /** Milliseconds. @default 10000 */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

/**
 * Reads `/api/server-info` of the server that `url` (its path does not matter) belongs to, also from a page of another
 * origin. @throws ClientError
 */
export async function fetchServerInfo(
  url: string | URL,
  options: ServerInfoOptions = {},
): Promise<ServerInfo> {
  const target = serverInfoUrl(url);
  const timeout = answerDeadline(options.timeout);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
  try {
    const response = await fetch(target, { signal, cache: 'no-store', credentials: 'omit' });
    if (!response.ok) throw new ClientError('CLIENT_HTTP', `${target.href}: HTTP status ${response.status}`);
    return readServerInfo(await bodyOf(response));
  } catch (error) {
    if (timeout.aborted) throw noAnswer(error);
    if (error instanceof ClientError) throw error;
    throw new ClientError('CLIENT_TRANSPORT', `cannot read ${target.href}: ${textOf(error)}`, {
      cause: error,
    });
  }
}

async function bodyOf(response: Response): Promise<Uint8Array> {
  const body = new Uint8Array(SERVER_INFO.MAX_BYTES);
  const reader = response.body?.getReader();
  let length = 0;
  for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
    if (length + part.value.length > body.length) {
      await reader?.cancel();
      throw tooLong();
    }
    body.set(part.value, length);
    length += part.value.length;
  }
  return body.subarray(0, length);
}
