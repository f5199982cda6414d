// Adds to package-lock.json the packages of other platforms that the registry in use did not offer: without them
// `npm ci` refuses the lockfile. They get no integrity hash; npm downloads them only on their own platform.
// `npm run lockfile`, after every `npm install` of a package.
import { readFileSync, writeFileSync } from 'node:fs';

interface LockedPackage {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const PROCESSORS = ['arm64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x', 'x64'];

/** What a name such as `binding-linux-arm-gnueabihf` says about its platform; undefined: it names none. */
function platformOf(name: string): { readonly cpu: string[]; readonly os: string[] } | undefined {
  const words = name.split('-');
  const os = SYSTEMS.find((system) => words.includes(system));
  const cpu = PROCESSORS.find((processor) => words.includes(processor));
  return os === undefined || cpu === undefined ? undefined : { cpu: [cpu], os: [os] };
}

const file = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, LockedPackage> };
let added = 0;
for (const [path, parent] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const platform = platformOf(name);
    const isLocked =
      `node_modules/${name}` in lock.packages || `${path}/node_modules/${name}` in lock.packages;
    if (path === '' || isLocked || platform === undefined || !/^\d+\.\d+\.\d+/.test(version)) continue;
    const { cpu, os } = platform;
    const entry = { version, cpu, ...(parent.dev === true ? { dev: true } : {}), optional: true, os };
    lock.packages[`node_modules/${name}`] = entry;
    added += 1;
  }
}
const sorted = Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en'));
writeFileSync(file, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`);
process.stdout.write(`${added} packages added\n`);
