import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What an application that uses the SDK has beside it. */
const INSTALLED = ['@noble', 'typebox', '@types'];

/** The package as `npm publish` would upload it, unpacked into the `node_modules` of an empty application. */
export class PackedPackage implements Disposable {
  /** The application's folder. */
  readonly application: string;
  /** The package's folder inside it. */
  readonly folder: string;
  readonly #tarball: string;

  constructor() {
    this.application = mkdtempSync(join(tmpdir(), 'commucat-package-'));
    // The build has been made: `npm test` begins with it.
    const options = ['--ignore-scripts', '--silent', '--pack-destination', this.application];
    const [name] = execFileSync('npm', ['pack', ...options], { cwd: ROOT, encoding: 'utf8' })
      .trim()
      .split('\n')
      .slice(-1);
    this.#tarball = join(this.application, name ?? '');
    const modules = join(this.application, 'node_modules');
    mkdirSync(modules);
    execFileSync('tar', ['-xzf', this.#tarball, '-C', modules]);
    this.folder = join(modules, 'commucat');
    renameSync(join(modules, 'package'), this.folder);
    for (const module of INSTALLED) symlinkSync(join(ROOT, 'node_modules', module), join(modules, module));
  }

  get tarball(): Uint8Array {
    return readFileSync(this.#tarball);
  }

  [Symbol.dispose](): void {
    rmSync(this.application, { recursive: true, force: true });
  }
}
