// A kernel that a backend turned out not to have, and the layer that needs it.

export class MissingKernel extends Error {
  /** @param layer such as “the teacher's layer lstm_1”; undefined if it is not known */
  constructor(
    readonly kernel: string,
    readonly layer: string | undefined,
    cause?: unknown,
  ) {
    super(`there is no kernel ${kernel}`, { cause });
  }
}

/** From TFJS's own message, or as it was found. */
export function missingKernelOf(error: unknown): MissingKernel | undefined {
  if (error instanceof MissingKernel) return error;
  const kernel = error instanceof Error ? /Kernel '(\w+)' not registered/.exec(error.message)?.[1] : undefined;
  return kernel === undefined ? undefined : new MissingKernel(kernel, undefined, error);
}
