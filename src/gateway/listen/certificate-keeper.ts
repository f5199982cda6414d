import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { CancelTimer, Clock } from '../../ports/ports.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';
import { readTlsIdentity, type TlsFiles, type TlsIdentity, TlsIdentityError } from './tls-identity.ts';

/** How long files may go on changing after the first sign of it: both of a pair, one after the other. */
const SETTLE_MS = 500;
/** How often the files are looked at, whatever the operating system says. */
const POLL_MS = 15_000;
const DAY_MS = 86_400_000;
/** A certificate that ends this soon is warned about when it is loaded. */
const SOON_MS = 14 * DAY_MS;

export interface CertificateKeeperParts {
  readonly files: TlsFiles;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Gives a new certificate to connections that begin from now on. */
  readonly apply: (identity: TlsIdentity) => void;
  /** @default 15 seconds */
  readonly pollMs?: number;
}

/**
 * Keeps the certificate in use up to date with its files: on demand, and when they change. The folders of both files are
 * watched, which shows a file that is written, renamed into place or, as certbot and Kubernetes do it, replaced by
 * turning a symbolic link round. Links further up, network file systems and lost events are what the poll is for.
 *
 * What cannot be used is logged and counted, and the certificate in use stays in use.
 */
export class CertificateKeeper {
  readonly #parts: CertificateKeeperParts;
  #current: TlsIdentity | undefined;
  /** What the files looked like when they were last read with success. */
  #signature = '';
  /** Of files that were refused, so that each fault is logged once. */
  #refused: string | undefined;
  #watchers: FSWatcher[] = [];
  #cancelPoll: CancelTimer | undefined;
  #cancelSettle: CancelTimer | undefined;
  #stopped = false;
  /** One look at the files at a time. */
  #work: Promise<void> = Promise.resolve();

  constructor(parts: CertificateKeeperParts) {
    this.#parts = parts;
  }

  /**
   * The first certificate; from then on its files are watched.
   * @throws TlsIdentityError
   */
  async start(): Promise<TlsIdentity> {
    const signature = await this.#look();
    const identity = await readTlsIdentity(this.#parts.files);
    this.#accept(identity, signature);
    this.#parts.metrics.gaugeFrom('commucat_tls_certificate_expires_seconds', () =>
      Math.floor((this.#current ?? identity).validTo / 1000),
    );
    this.#watch();
    this.#schedulePoll();
    return identity;
  }

  /** Reads the files now, changed or not. Never rejects. */
  reload(): Promise<void> {
    return this.#check('asked');
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelPoll?.();
    this.#cancelSettle?.();
    this.#unwatch();
  }

  #schedulePoll(): void {
    const { clock, pollMs = POLL_MS } = this.#parts;
    this.#cancelPoll = clock.after(pollMs, async () => {
      await this.#check('changed');
      if (!this.#stopped) this.#schedulePoll();
    });
  }

  #check(cause: 'asked' | 'changed'): Promise<void> {
    const earlier = this.#work;
    const look = async (): Promise<void> => {
      await earlier;
      await this.#lookAndLoad(cause);
    };
    this.#work = look();
    return this.#work;
  }

  async #lookAndLoad(cause: 'asked' | 'changed'): Promise<void> {
    if (this.#stopped) return;
    const signature = await this.#look();
    if (cause === 'changed' && signature === this.#signature) return;
    try {
      this.#replace(await readTlsIdentity(this.#parts.files), signature);
    } catch (error) {
      this.#reject(error, error instanceof TlsIdentityError ? error.digest : undefined);
    }
    // The folders themselves may be others now.
    this.#watch();
  }

  #replace(next: TlsIdentity, signature: string): void {
    const { clock, logger, metrics } = this.#parts;
    if (next.digest === this.#current?.digest) {
      this.#signature = signature;
      this.#refused = undefined;
      logger.info(describe(next), 'TLS certificate is as it was');
      return;
    }
    const now = clock.now();
    if (this.#current !== undefined && isValid(this.#current, now) && !isValid(next, now)) {
      const { validFrom, validTo } = describe(next);
      throw new TlsIdentityError('unusable', `valid only from ${validFrom} to ${validTo}`, next.digest);
    }
    this.#parts.apply(next);
    metrics.counter('commucat_tls_certificate_loads_total', { result: 'loaded' }).add();
    this.#accept(next, signature);
  }

  #accept(identity: TlsIdentity, signature: string): void {
    const { clock, logger } = this.#parts;
    this.#current = identity;
    this.#signature = signature;
    this.#refused = undefined;
    const left = identity.validTo - clock.now();
    const facts = { ...describe(identity), daysLeft: Math.floor(left / DAY_MS) };
    if (!isValid(identity, clock.now())) logger.error(facts, 'TLS certificate is not valid now');
    else if (left < SOON_MS) logger.warn(facts, 'TLS certificate loaded; it ends soon');
    else logger.info(facts, 'TLS certificate loaded');
  }

  /** The files are read again at the next look, whether they have changed until then or not. */
  #reject(error: unknown, digest = 'unreadable'): void {
    const { logger, metrics } = this.#parts;
    this.#signature = '';
    if (this.#refused === digest) return;
    this.#refused = digest;
    metrics.counter('commucat_tls_certificate_loads_total', { result: 'refused' }).add();
    logger.error({ err: error }, 'TLS certificate refused; the one in use stays');
  }

  /** Changes whenever a file, or where a link leads, does. */
  async #look(): Promise<string> {
    const { tlsCert, tlsKey } = this.#parts.files;
    const facts = [tlsCert, tlsKey].map(async (file) => {
      try {
        const { dev, ino, size, mtimeMs, ctimeMs } = await stat(file);
        return [dev, ino, size, mtimeMs, ctimeMs].join(' ');
      } catch {
        // Reading it says what is wrong.
        return 'missing';
      }
    });
    return (await Promise.all(facts)).join('\n');
  }

  #watch(): void {
    this.#unwatch();
    if (this.#stopped) return;
    const { tlsCert, tlsKey } = this.#parts.files;
    for (const folder of new Set([dirname(tlsCert), dirname(tlsKey)])) {
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#settle());
        watcher.on('error', (error) => this.#watchFailed(error));
        this.#watchers.push(watcher);
      } catch (error) {
        this.#watchFailed(error);
      }
    }
  }

  /** Watches are a scarce resource of the system; the poll does without. */
  #watchFailed(error: unknown): void {
    this.#parts.logger.debug({ err: error }, 'the folder of the TLS certificate cannot be watched');
  }

  #unwatch(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }

  #settle(): void {
    if (this.#cancelSettle !== undefined || this.#stopped) return;
    this.#cancelSettle = this.#parts.clock.after(SETTLE_MS, () => {
      this.#cancelSettle = undefined;
      void this.#check('changed');
    });
  }
}

function isValid({ validFrom, validTo }: TlsIdentity, now: number): boolean {
  return validFrom <= now && now <= validTo;
}

function describe({ fingerprint, names, validFrom, validTo }: TlsIdentity) {
  const date = (time: number): string => new Date(time).toISOString();
  return { names, fingerprint, validFrom: date(validFrom), validTo: date(validTo) };
}
