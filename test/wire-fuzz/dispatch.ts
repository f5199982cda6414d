import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import type { Request, Room } from './room.ts';

/** What the wire has told of a durable frame. */
export type Fate =
  | { readonly is: 'open' }
  /** An ACK came: for how many devices it was stored and not stored, where the ACK says so. */
  | { readonly is: 'acknowledged'; readonly stored: number | undefined; readonly notStored: number }
  /** No ACK came, but a later handshake counts it as received and does not name it as refused. */
  | { readonly is: 'received' }
  | { readonly is: 'refused'; readonly code: string }
  /** The session broke, and the device has no `resume`. */
  | { readonly is: 'unknown' };

/** One durable frame that a device has sent, however often. */
export interface Dispatch extends Request {
  readonly id: string;
  readonly sender: string;
  /** Among all that its sender has sent: 1, 2, 3, … */
  readonly place: number;
  readonly room: Room;
  readonly type: number;
  readonly body: string;
  readonly sequence: number;
  /** Milliseconds, when it was sent for the first time. */
  readonly sentAt: number;
  /** Who takes part in the room from the first sending until its fate is known. */
  readonly sure: Set<string>;
  /** Who is out of the room for that whole time, and not named by the frame. */
  readonly outsiders: Set<string>;
  /** Whom it takes out of the room, if it is carried out. */
  readonly removes: string | undefined;
  /** The server counts its frames beyond those that the log holds: a repetition is recognised. */
  readonly resumable: boolean;
  readonly arrivals: Set<string>;
  /** How often it was sent: the answer to a repetition says less. */
  attempts: number;
  fate: Fate;
}

/** Bodies: a MSG begins with its id; a JSON document has it under a key that the server does not know. */
export function bodyOf(type: number, id: string, fields: object, size: number): string {
  const padding = 'x'.repeat(size);
  return type === FRAME.MSG ? `${id}|${padding}` : JSON.stringify({ ...fields, id, padding });
}

/** The id in the body of a frame; `undefined` when the server wrote the frame itself. */
export function idOf(type: number, text: string): string | undefined {
  if (type === FRAME.MSG) return text.split('|')[0];
  return (JSON.parse(text) as { readonly id?: string }).id;
}
