import { RESERVED } from '../../append-check.ts';
import type { NewEvent, StreamMetadata, StreamName } from '../../event-log.ts';
import { LogError } from '../../log-error.ts';

/**
 * Metadata of a stream is itself an event: in the stream `$$<stream>`, in the family of facts whatever the stream's own
 * class is, because it must outlive the events that it is about.
 */
const PREFIX = `${RESERVED}${RESERVED}`;
const TYPE = `${RESERVED}metadata`;

export function metadataStream(stream: string): StreamName {
  return (PREFIX + stream) as StreamName;
}

/** The stream that a metadata stream is about; undefined for other streams. */
export function streamOfMetadata(name: string): string | undefined {
  return name.startsWith(PREFIX) ? name.slice(PREFIX.length) : undefined;
}

export function encodeMetadata(metadata: StreamMetadata): NewEvent {
  return { type: TYPE, data: Buffer.from(JSON.stringify({ v: 1, ...metadata })) };
}

/** @throws LogError `LOG_MALFORMED_EVENT`, `LOG_UNKNOWN_EVENT` */
export function decodeMetadata(data: Uint8Array): StreamMetadata {
  let value: { v: number } & StreamMetadata;
  try {
    value = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8'));
  } catch (cause) {
    throw new LogError('LOG_MALFORMED_EVENT', 'stream metadata is not JSON', { cause });
  }
  const { v, ...metadata } = value;
  if (v !== 1) throw new LogError('LOG_UNKNOWN_EVENT', `stream metadata version ${v} is not known here`);
  return metadata;
}
