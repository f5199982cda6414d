export { RemoteLinks } from './remote-links.ts';
export { WorkerPool } from './worker-pool.ts';
