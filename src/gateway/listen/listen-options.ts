import type { ListenOptions } from 'node:net';
import { addressOf } from '../../config/index.ts';

/**
 * Where to listen. Workers listen on one address together, and the operating system spreads connections over them; a
 * single thread has the address for itself, so that a second server finds it taken.
 *
 * @param workers the setting `server.workers`
 */
export function listenOptions(bind: string, workers: number): ListenOptions {
  const address = addressOf(bind);
  if (workers === 0) return address;
  // The types of our oldest Node.js do not know it yet.
  const shared: ListenOptions & { readonly reusePort: boolean } = { ...address, reusePort: true };
  return shared;
}
