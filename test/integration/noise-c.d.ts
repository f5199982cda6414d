/** The part of noise-c.wasm 0.4 that the tests call; the package ships no types. */
declare module 'noise-c.wasm' {
  interface NoiseCipherState {
    EncryptWithAd(ad: Uint8Array, plaintext: Uint8Array): Uint8Array;
    DecryptWithAd(ad: Uint8Array, ciphertext: Uint8Array): Uint8Array;
    free(): void;
  }
  interface NoiseHandshakeState {
    Initialize(prologue: Uint8Array, s: Uint8Array, rs: Uint8Array | null): void;
    WriteMessage(payload: Uint8Array | null): Uint8Array;
    ReadMessage(message: Uint8Array, payloadNeeded: boolean): Uint8Array;
    /** Before `Split`, which frees the state. */
    GetHandshakeHash(): Uint8Array;
    GetRemotePublicKey(): Uint8Array | null;
    Split(): [send: NoiseCipherState, receive: NoiseCipherState];
  }
  interface NoiseLibrary {
    readonly constants: { readonly NOISE_ROLE_INITIATOR: number; readonly NOISE_ROLE_RESPONDER: number };
    readonly HandshakeState: new (protocolName: string, role: number) => NoiseHandshakeState;
  }
  function createNoise(callback: (noise: NoiseLibrary) => void): void;
  export = createNoise;
}
