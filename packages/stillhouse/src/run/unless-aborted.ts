// Work that a signal interrupts at once, even if a part of it, such as a long query, cannot be stopped.

/** @throws what `reason` gives, if the signal is aborted */
export function heed(signal: AbortSignal | undefined, reason: () => Error): void {
  if (signal?.aborted) throw reason();
}

/**
 * Settles as the work does, or rejects as soon as the signal is aborted; what is left of the work then ends by itself.
 * @throws what `reason` gives, and what the work throws
 */
export async function unlessAborted<Result>(
  signal: AbortSignal | undefined,
  reason: () => Error,
  work: () => Promise<Result>,
): Promise<Result> {
  heed(signal, reason);
  if (!signal) return work();
  let interrupt = (): void => {};
  const interrupted = new Promise<never>((_, reject) => {
    interrupt = () => reject(reason());
    signal.addEventListener('abort', interrupt);
  });
  try {
    return await Promise.race([work(), interrupted]);
  } finally {
    signal.removeEventListener('abort', interrupt);
  }
}
