import { frameTypeOf } from '../../protocol/frames/frame-types.ts';
import type { ConnectMode } from './connect-mode.ts';
import type { FrameLabel } from './transport.ts';

/** How a mode writes frames and records as lines of text. All of it is ASCII. */
export interface TextMode {
  /** Directly behind the response head. */
  readonly opening: string;
  readonly keepalive: string;
  /** One frame, or one record with one frame in it. `data`: standard base64 with padding. */
  entry(label: FrameLabel, data: string): string;
}

/** Server-Sent Events. PROTOCOL.md 2.5. */
const SSE: TextMode = {
  opening: ':ready\n\n',
  keepalive: ':keepalive\n\n',
  entry: ({ sequence }, data) => `event: frame\nid: ${sequence}\ndata: ${data}\n\n`,
};

/** JSON documents, one a line, keys in ascending order. PROTOCOL.md 2.6. */
const NDJSON: TextMode = {
  opening: '',
  keepalive: '{"keepalive":true}\n',
  entry: ({ type, channel, sequence }, data) => {
    const name = frameTypeOf(type)?.label ?? 'unknown';
    return `{"channel":${channel},"data":"${data}","sequence":${sequence},"type":"${name}"}\n`;
  },
};

/** The text of a mode, or undefined where bytes travel as they are. */
export function textModeOf(mode: ConnectMode): TextMode | undefined {
  if (mode === 'sse') return SSE;
  return mode === 'long-poll' ? NDJSON : undefined;
}
