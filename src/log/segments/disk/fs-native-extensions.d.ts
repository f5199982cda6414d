/** The part of fs-native-extensions 1 that this project calls; the package ships no types. */
declare module 'fs-native-extensions' {
  interface LockOptions {
    readonly shared?: boolean;
  }
  /** False while another open file holds a lock on the range that is not compatible. */
  export function tryLock(fd: number, offset: number, length: number, options?: LockOptions): boolean;
  export function waitForLock(
    fd: number,
    offset: number,
    length: number,
    options?: LockOptions,
  ): Promise<void>;
}
