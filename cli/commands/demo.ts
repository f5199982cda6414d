import { join, relative } from 'node:path';
import { Flags } from '@oclif/core';
import type { DemoReport } from '../demo/run-demo.ts';
import { BaseCommand, jsonFlag } from '../kit/base-command.ts';
import { description } from '../kit/description.ts';
import { EXIT } from '../kit/exit-codes.ts';

export default class Demo extends BaseCommand {
  static override summary = 'Two devices exchange a text file through a server that is killed on the way.';
  static override description = description(
    `Starts a server in a process of its own, with its data in a temporary folder. Two devices, alice and bob, send each
    other all lines of a text file over TLS 1.3 and HTTP/2. Bob is offline half of the time. In the middle the server
    gets SIGKILL and is started again on the same data. In the end the lines that each of them received are compared with
    the file, and the server's log is verified.`,
    'DAMAGE',
  );
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --file PROTOCOL.md --seconds 20',
    '<%= config.bin %> <%= command.id %> --json',
  ];
  static override flags = {
    file: Flags.string({ description: 'UTF-8 text file. Default: the LICENSE of this package.' }),
    seconds: Flags.integer({
      description: 'How long alice takes to send her lines, pauses left out.',
      default: 8,
      min: 1,
      max: 3600,
    }),
    keep: Flags.boolean({ description: 'Leave the data where it is. Always done after a failure.' }),
    json: jsonFlag,
  };

  override async run(): Promise<void> {
    const { flags } = await this.parse(Demo);
    const { runDemo } = await import('../demo/run-demo.ts');
    const { root } = this.config;
    const file = flags.file ?? join(root, 'LICENSE');
    const started = performance.now();
    const say = (who: string, text: string): void => {
      const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(5);
      if (!flags.json) this.log(`${seconds} s  ${who.padEnd(8)}${text}`);
    };
    if (!flags.json) this.log(`alice and bob send each other all lines of ${relative('', file)}\n`);
    const report = await runDemo({ root, file, seconds: flags.seconds, keep: flags.keep, say });
    if (flags.json) this.print(report);
    else this.#conclude(report);
    await this.end(report.passed ? EXIT.OK : EXIT.DAMAGE);
  }

  #conclude({ devices, log, lines, offlinePeriods, kills, passed, data }: DemoReport): void {
    const total = (count: (device: DemoReport['devices'][string]) => number): number =>
      Object.values(devices).reduce((sum, device) => sum + count(device), 0);
    const line = (ok: boolean, claim: string, detail: string): void =>
      this.log(`  ${ok ? 'ok  ' : 'FAIL'}  ${claim.padEnd(22)}${detail}`);
    const [lost, doubled] = [total((device) => device.lost), total((device) => device.doubled)];
    const [disordered, altered] = [total((device) => device.outOfOrder), total((device) => device.altered)];
    const acknowledged = total((device) => device.acknowledged);
    this.log('');
    line(acknowledged === 2 * lines, 'all acknowledged', `${acknowledged} of ${2 * lines} lines`);
    line(lost === 0, 'nothing lost', `${lost} lines missing`);
    line(doubled === 0, 'nothing doubled', `${doubled} lines came twice`);
    line(disordered === 0, 'nothing out of order', `${disordered} lines came after a later one`);
    line(altered === 0, 'nothing altered', `${altered} lines differ from the file`);
    line(log.clean, 'log verified', log.summary);
    this.log('');
    if (data !== undefined) this.log(`The data is in ${data}`);
    this.log(
      `${passed ? 'PASS' : 'FAIL'}: ${lines} lines each way, bob offline ${offlinePeriods} times, the server killed ${kills === 1 ? 'once' : `${kills} times`}`,
    );
  }
}
