// Whether an engine works: it is loaded in a separate process, where it computes something small.
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { EngineKind } from './home.js';
import { run } from './tools.js';

const script = fileURLToPath(new URL('./verify.js', import.meta.url));
/** What the script prints last. */
const verified = z.object({ fingerprint: z.string(), isOnGpu: z.boolean() });
export type Verified = Readonly<z.infer<typeof verified>>;
const timeoutMs = 120_000;

/** The engine's fingerprint and whether it computes on a GPU, or the reason why it does not work. */
export function tryEngine(
  kind: EngineKind,
  folder: string,
  env: NodeJS.ProcessEnv,
): Verified | { readonly reason: string } {
  const { status, signal, stdout, stderr } = run(process.execPath, [script, kind, folder], { env, timeout: timeoutMs });
  if (status === 0) return verified.parse(JSON.parse(stdout.slice(stdout.lastIndexOf('{'))));
  return { reason: reasonOf({ status, signal, stderr }) };
}

/** What a process that failed said last, or how it ended. */
export function reasonOf({
  status,
  signal,
  stderr,
}: {
  status: number | null;
  signal: string | null;
  stderr: string;
}): string {
  const thrown = /^(?:\w*Error): (.*)$/m.exec(stderr)?.[1];
  if (thrown) return thrown;
  const last = stderr.trim().split('\n').at(-1);
  const end = signal ? `killed by ${signal}` : `exit code ${status}`;
  return last ? `${end}: ${last}` : end;
}
