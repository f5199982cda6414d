import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { instrument } from './instrument.ts';

/** Below node_modules, where packages resolve as they do from the sources. */
const BUNDLES = fileURLToPath(new URL('../../node_modules/.cache/commucat-fuzz/', import.meta.url));

export interface Bundle {
  /** To import. */
  readonly url: string;
  readonly counters: number;
  readonly literals: readonly string[];
}

/** One instrumented module of the file and all sources that it imports; packages stay outside and are not counted. */
export async function bundle(file: string, name: string): Promise<Bundle> {
  const { code, counters, literals } = instrument(await joined(file));
  return { url: (await store(code, name)).href, counters, literals };
}

/** The fuzzing thread as plain JavaScript: threads do not inherit the loader of TypeScript. */
export async function threadModule(): Promise<URL> {
  return store(await joined(fileURLToPath(new URL('worker.ts', import.meta.url))), 'thread');
}

async function joined(file: string): Promise<string> {
  const result = await build({
    entryPoints: [file],
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    write: false,
    logLevel: 'error',
  });
  return result.outputFiles[0]?.text ?? '';
}

async function store(code: string, name: string): Promise<URL> {
  await mkdir(BUNDLES, { recursive: true });
  const path = join(BUNDLES, `${name}-${process.pid}.mjs`);
  await writeFile(path, code);
  return pathToFileURL(path);
}
