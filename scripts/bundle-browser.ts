// Bundles the client SDK for browsers, and the page of examples/browser-chat, into dist; prints their sizes. Part of
// `npm run build`. Fails when something of Node gets in, or when the SDK has grown beyond its limit.
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build, type Metafile } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const SDK = join(root, 'src/client/browser/index.ts');
const EXAMPLE = join(root, 'examples/browser-chat');
const PAGES = join(root, 'dist/demo');
/** What a page may be asked to load, in bytes after gzip. */
const MOST_BYTES = 56 * 1024;
/** Everything that a browser bundle is made of. */
const OURS = /^((dist\/)?src\/(client|protocol|ports)|examples\/browser-chat|node_modules\/@noble)\//;

/** `commucat/client` in an entry is found as an application finds it: by the `exports` of package.json. */
async function bundle(entry: string, outfile: string): Promise<number> {
  const { metafile, outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    minify: true,
    legalComments: 'none',
    metafile: true,
    write: false,
    logLevel: 'silent',
  });
  refuseStrangers(metafile);
  const [output] = outputFiles;
  if (output === undefined) throw new Error(`${entry}: no output`);
  mkdirSync(dirname(outfile), { recursive: true });
  writeFileSync(outfile, output.contents);
  const zipped = gzipSync(output.contents, { level: 9 }).length;
  const kib = (bytes: number) => `${(bytes / 1024).toFixed(1)} KiB`;
  process.stdout.write(
    `${outfile.slice(root.length)}: ${kib(output.contents.length)}, ${kib(zipped)} after gzip\n`,
  );
  return zipped;
}

/** esbuild itself refuses `node:` imports; this finds what a package.json replaces by nothing, and new packages. */
function refuseStrangers({ inputs, outputs }: Metafile): void {
  const strangers = Object.keys(inputs).filter((path) => !OURS.test(path));
  const external = Object.values(outputs).flatMap(({ imports }) => imports.map(({ path }) => path));
  if (strangers.length + external.length > 0) {
    throw new Error(`not for a browser: ${[...strangers, ...external].join(', ')}`);
  }
}

const size = await bundle(SDK, join(root, 'dist/browser/commucat-client.js'));
if (size > MOST_BYTES) throw new Error(`the SDK has ${size} bytes after gzip, more than ${MOST_BYTES}`);
rmSync(PAGES, { recursive: true, force: true });
await bundle(join(EXAMPLE, 'chat.ts'), join(PAGES, 'chat.js'));
for (const name of ['index.html', 'chat.css']) cpSync(join(EXAMPLE, name), join(PAGES, name));
