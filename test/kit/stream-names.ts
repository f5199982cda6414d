import { STREAMS } from '../../src/events/streams.ts';
import type { StreamName } from '../../src/log/event-log.ts';

/** Names of streams for tests of the log itself, to which nothing but their category matters. */

export const user = (key: string): StreamName => STREAMS.user.stream(key);
export const profile = (key: string): StreamName => STREAMS.profile.stream(key);
export const device = (key: string): StreamName => STREAMS.device.stream(key);
export const channel = (key: string): StreamName => STREAMS.channel.stream(key);
export const session = (key: string): StreamName => STREAMS.session.stream(key);
export const call = (callId: string): StreamName => STREAMS.call.stream({ channelKey: 'channel', callId });
export const mail = (key: string): StreamName => STREAMS.mail.stream(key);
export const inbox = (key: string): StreamName => STREAMS.inbox.stream(key);
export const group = (key: string): StreamName => STREAMS.group.stream(key);
export const handle = (key: string): StreamName => STREAMS.handle.stream(key);
export const audit = (key: string): StreamName => STREAMS.audit.stream(key);

/** A name that this version makes for no stream. */
export const foreign = (name: string): StreamName => name as StreamName;
