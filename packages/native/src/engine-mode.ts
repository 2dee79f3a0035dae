// A file of its own: what mentions it needs no types of TFJS.
/** What TensorFlow reads only when it is loaded. */
export interface EngineMode {
  /** Intra-op threads. */
  readonly threads: number;
  /** Whether GPUs may round inputs of products to 10 bits. */
  readonly tf32?: boolean;
}
