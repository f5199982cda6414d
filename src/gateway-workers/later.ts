/** A promise that is settled from outside, once; `Promise.withResolvers` is younger than our oldest Node.js. */
export class Later<T> {
  readonly promise: Promise<T>;
  // The executor below runs before the constructor returns.
  resolve: (value: T) => void = () => undefined;
  reject: (reason: Error) => void = () => undefined;

  constructor() {
    this.promise = new Promise<T>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}
