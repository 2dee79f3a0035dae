// The settings that a worker's process is started with. Secrets are passed in its environment, where no list of
// processes shows them.
import { z } from 'zod';
import { limits, type ErrorRecord } from '@stillhouse/core';
import { backendNames } from '@stillhouse/worker/light';

/** JSON has no infinity. */
const milliseconds = z
  .number()
  .positive()
  .nullable()
  .transform((value) => value ?? Infinity);

const settingsSchema = z.object({
  coordinators: z.array(z.string()).min(1),
  backend: z.enum(backendNames),
  mesh: z
    .object({
      network: z.string().optional(),
      listen: z.string().optional(),
      advertise: z.string().optional(),
    })
    .default({}),
  patienceMs: milliseconds.default(limits.coordinatorPatienceMs),
  heartbeatTimeoutMs: milliseconds.default(limits.heartbeatTimeoutMs),
  logFile: z.string().optional(),
});

export type WorkerSettings = Readonly<z.output<typeof settingsSchema>>;

export const settingsText = (settings: z.input<typeof settingsSchema>): string => JSON.stringify(settings);

export const parseSettings = (text: string): WorkerSettings => settingsSchema.parse(JSON.parse(text));

/** What a worker's process reports to its parent, if the parent listens. */
export type FromWorker =
  | { readonly type: 'log'; readonly message: string; readonly fields?: Record<string, unknown> }
  | { readonly type: 'failed'; readonly error: ErrorRecord };
