/** Whom a connection of Node.js trusts. Apart from what reads it: declarations of the SDK name no type of Node. */
export interface TlsTrustOptions {
  /** PEM certificates to trust instead of the system's. */
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[];
  /** Accepts any certificate, on loopback addresses only. @default false */
  readonly insecureLoopback?: boolean;
}
