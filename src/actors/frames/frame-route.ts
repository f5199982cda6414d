import { type Frame, frameLength } from '../../protocol/frames/frame.ts';
import { frameTypeOf } from '../../protocol/frames/frame-types.ts';
import { LIMITS } from '../../protocol/limits.ts';
import type { ChannelRoute } from '../routes/route.ts';
import type { RouteTable } from '../routes/route-table.ts';
import { Refusal } from '../sessions/refusal.ts';
import type { Session } from '../sessions/session.ts';

/**
 * The channel of a frame that is to be sent on.
 *
 * @throws Refusal `too_large`, `unknown_channel`
 */
export function routeOf(routes: RouteTable, session: Session, frame: Frame): ChannelRoute {
  checkFits(frame);
  const route = routes.get(session.device, frame.channel);
  if (route !== undefined) return route;
  const name = frameTypeOf(frame.type)?.name ?? 'frame';
  throw new Refusal('unknown_channel', `${name} on channel ${frame.channel}: send JOIN first`);
}

/**
 * A frame must fit into one record of every recipient, whatever sequence it gets there.
 *
 * @throws Refusal `too_large`
 */
export function checkFits({ channel, payload }: Frame): void {
  const length = frameLength(channel, LIMITS.MAX_SEQUENCE, payload.length);
  if (length > LIMITS.MAX_RECORD_PLAINTEXT) {
    const detail = `a frame may take ${LIMITS.MAX_RECORD_PLAINTEXT} bytes, this one takes up to ${length}`;
    throw new Refusal('too_large', detail);
  }
}
