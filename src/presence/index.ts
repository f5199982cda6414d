export { MemoryPresence } from './memory-presence.ts';
export type { Presence, PresenceEntry, PresenceUser } from './presence.ts';
export { PresenceRefresher } from './presence-refresher.ts';
