import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What is used of V8's CPU profile. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly children?: readonly number[];
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  /** Microseconds between a sample and the one before. */
  readonly timeDeltas: readonly number[];
}

export interface ProfileSummary {
  /** Seconds in which the thread did something. */
  readonly busySeconds: number;
  readonly idleSeconds: number;
  /** Reading and compiling modules at the start; left out of everything else. */
  readonly loadingSeconds: number;
  /** Self time in seconds, largest first. */
  readonly functions: readonly (readonly [string, number])[];
  readonly files: readonly (readonly [string, number])[];
}

const SHOWN = 40;
const LOADERS = ['node:internal/modules/', 'node:internal/bootstrap/'];

export function readProfile(path: string): ProfileSummary {
  const profile = JSON.parse(readFileSync(path, 'utf8')) as CpuProfile;
  const places = new Map(profile.nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]));
  const loading = loadingNodes(profile.nodes);
  const functions = new Map<string, number>();
  const files = new Map<string, number>();
  let busySeconds = 0;
  let idleSeconds = 0;
  let loadingSeconds = 0;
  for (const [i, id] of profile.samples.entries()) {
    const seconds = Math.max(0, profile.timeDeltas[i + 1] ?? 0) / 1_000_000;
    const place = places.get(id);
    if (place === undefined) continue;
    if (place.name === '(idle)') {
      idleSeconds += seconds;
      continue;
    }
    if (loading.has(id)) {
      loadingSeconds += seconds;
      continue;
    }
    busySeconds += seconds;
    add(functions, `${place.name}  ${place.file}${place.line}`, seconds);
    add(files, place.file === '' ? place.name : place.file, seconds);
  }
  return {
    busySeconds,
    idleSeconds,
    loadingSeconds,
    functions: largestFirst(functions),
    files: largestFirst(files),
  };
}

/** The costliest functions and files, as shares of the busy time. */
export function profileText(title: string, summary: ProfileSummary): string {
  const { busySeconds, idleSeconds, loadingSeconds, functions, files } = summary;
  const list = (entries: ProfileSummary['files']): string =>
    entries
      .slice(0, SHOWN)
      .map(([name, seconds]) => `  ${((seconds / busySeconds) * 100).toFixed(1).padStart(5)} %  ${name}`)
      .join('\n');
  return `${title}: busy ${busySeconds.toFixed(1)} s, idle ${idleSeconds.toFixed(1)} s, loading ${loadingSeconds.toFixed(1)} s; self time by function
${list(functions)}
self time by file
${list(files)}
`;
}

/** Everything below Node's module loader. A parent stands before its children in a profile. */
function loadingNodes(nodes: CpuProfile['nodes']): ReadonlySet<number> {
  const loading = new Set<number>();
  for (const { id, children = [], callFrame } of nodes) {
    if (LOADERS.some((url) => callFrame.url.startsWith(url))) loading.add(id);
    if (loading.has(id)) {
      for (const child of children) loading.add(child);
    }
  }
  return loading;
}

function placeOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']) {
  const name = functionName === '' ? '(anonymous)' : functionName;
  const path = url.startsWith('file:') ? fileURLToPath(url) : url;
  const file = path.replace(/^.*\/(dist|node_modules)\//, (_, folder: string) =>
    folder === 'dist' ? '' : 'node_modules/',
  );
  return { name, file, line: file === '' ? '' : `:${lineNumber + 1}` };
}

function add(sums: Map<string, number>, key: string, value: number): void {
  sums.set(key, (sums.get(key) ?? 0) + value);
}

function largestFirst(sums: ReadonlyMap<string, number>): readonly (readonly [string, number])[] {
  return [...sums].sort(([, a], [, b]) => b - a);
}
