import { Flags } from '@oclif/core';
import type { Finding } from '../diagnose/finding.ts';
import { BaseCommand, jsonFlag } from '../kit/base-command.ts';
import { description } from '../kit/description.ts';
import { EXIT } from '../kit/exit-codes.ts';
import { printable } from '../kit/printable.ts';
import { serverFlags } from '../kit/server-config.ts';

const LABEL: Readonly<Record<Finding['status'], string>> = {
  ok: 'ok',
  warn: 'warn',
  fail: 'FAIL',
  left_out: '-',
};

export default class Diagnose extends BaseCommand {
  static override summary = 'Check a server: configuration, files, certificate, log, database, listener.';
  static override description = description(
    `Reads the configuration and looks at everything that it names, compares the read models with the log that they
    were made from, then connects to the listener: TLS version, ALPN,
    server-info and, where new devices are approved by themselves, a whole handshake with a new device, which leaves an
    account behind (--no-handshake). With --url only what is seen from outside. Warnings do not fail.`,
    'CONFIGURATION',
    'DAMAGE',
  );
  static override examples = [
    '<%= config.bin %> <%= command.id %> --config commucat.toml',
    '<%= config.bin %> <%= command.id %> --data .commucat --no-handshake',
    '<%= config.bin %> <%= command.id %> --url https://chat.example.org --json',
  ];
  static override flags = {
    ...serverFlags,
    url: Flags.string({
      description: 'Look at the server at this address from outside.',
      exclusive: ['config', 'data'],
    }),
    ca: Flags.string({ description: "PEM file with the authority of the server's TLS certificate." }),
    handshake: Flags.boolean({
      description: 'Try a handshake with a new device.',
      default: true,
      allowNo: true,
    }),
    json: jsonFlag,
  };

  override async run(): Promise<void> {
    const { flags } = await this.parse(Diagnose);
    const { diagnose } = await import('../diagnose/diagnose.ts');
    const { ca, url } = flags;
    const findings = await diagnose({ ...flags, ca, url, root: this.config.root, now: Date.now() });
    const failed = findings.filter(({ status }) => status === 'fail');
    if (flags.json) this.print({ passed: failed.length === 0, findings });
    else for (const finding of findings) this.#show(finding);
    if (failed.some(({ check }) => check === 'configuration')) await this.end(EXIT.CONFIGURATION);
    await this.end(failed.length === 0 ? EXIT.OK : EXIT.DAMAGE);
  }

  #show({ check, status, detail, advice }: Finding): void {
    this.log('%s', `${LABEL[status].padEnd(5)} ${check.padEnd(14)} ${printable(detail)}`);
    if (advice !== undefined) this.log('%s', `${' '.repeat(21)}-> ${printable(advice)}`);
  }
}
