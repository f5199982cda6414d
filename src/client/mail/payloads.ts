import { utf8 } from '../../protocol/bytes.ts';
import { encodeJson, type JsonInput } from '../../protocol/json/json.ts';
import { ClientError } from '../values/client-error.ts';
import { textOf } from '../values/client-failures.ts';

/** A JSON document as the payload of a frame. @throws ClientError code `CLIENT_OPTIONS` when it cannot be written */
export function documentPayload(value: JsonInput): Uint8Array {
  try {
    return encodeJson(value);
  } catch (cause) {
    throw new ClientError('CLIENT_OPTIONS', `the document is no JSON: ${textOf(cause)}`, { cause });
  }
}

/** The content of a message as its payload; an error for what a program without types may pass. */
export function messagePayload(content: unknown): Uint8Array | ClientError {
  if (typeof content === 'string') return utf8(content);
  if (content instanceof Uint8Array) return content;
  return new ClientError('CLIENT_OPTIONS', 'the content of a message is text or a Uint8Array');
}
