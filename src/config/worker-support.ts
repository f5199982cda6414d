/** What the server runs on. */
export interface Runtime {
  /** As `process.platform`. */
  readonly platform: string;
  /** As `process.versions.node`. */
  readonly node: string;
}

/** The first version of Node.js in which several threads can listen on one port (`reusePort`). */
const FIRST_MAJOR = 23;
const FIRST_MINOR = 1;

/** What is missing for `server.workers` above 0, in words; `undefined` when nothing is. */
export function whyNoWorkers({ platform, node }: Runtime): string | undefined {
  if (platform !== 'linux') return `${platform}, where threads cannot share a port`;
  const [major = 0, minor = 0] = node.split('.').map(Number);
  if (major > FIRST_MAJOR || (major === FIRST_MAJOR && minor >= FIRST_MINOR)) return undefined;
  return `Node.js ${node}, where threads cannot share a port before ${FIRST_MAJOR}.${FIRST_MINOR}`;
}
