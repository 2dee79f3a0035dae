// Every error that a user can meet: a stable code, the exit code it leads to, and what to do next.
// docs/errors.md explains each; a test keeps the two lists equal.

/** Exit codes of the command line, documented in docs/errors.md. */
export const exitCodes = { ok: 0, bug: 1, input: 2, environment: 3, training: 4, interrupted: 130 } as const;

interface ErrorKind {
  readonly exit: number;
  readonly next: string;
}

const input = (next: string): ErrorKind => ({ exit: exitCodes.input, next });
const environment = (next: string): ErrorKind => ({ exit: exitCodes.environment, next });
const training = (next: string): ErrorKind => ({ exit: exitCodes.training, next });

export const errorKinds = {
  USAGE: input('Run the command with --help for its options and examples.'),
  RECIPE_NOT_FOUND: input('Check the path of the recipe.'),
  RECIPE_SYNTAX: input('Fix the file at the line and column named.'),
  RECIPE_UNKNOWN_KEY: input('Rename or remove the key; `stillhouse schema` prints every key that exists.'),
  RECIPE_INVALID: input('Correct the recipe there; `stillhouse schema` prints what each key accepts.'),
  DATA_NOT_FOUND: input('Check the path; in a recipe it is relative to the folder of the recipe.'),
  DATA_TRUNCATED: input('Fetch or export the file again: it is shorter than its own header says.'),
  DATA_FORMAT: input('Check that the file is of the format that the recipe names.'),
  DATA_CELL: input('Correct the cell, or declare the column as a category in data.table.columns.'),
  DATA_COLUMN: input('Compare the column names in the recipe with the header of the file.'),
  DATA_EMPTY: input('Give the set at least one row.'),
  DATA_LABEL: input('Correct the label, or the number of outputs of the model.'),
  DATA_INDEX: input('Raise inputDim of the embedding, or correct the row.'),
  DATA_CHANGED: input(
    'Prepare it again with `stillhouse data prepare RECIPE --again`, or put the file back as it was.',
  ),
  DATA_MODULE: input('Fix the module: it must export a source, or a function that yields rows (docs/extending.md).'),
  DATA_READER: environment(
    'Reinstall stillhouse with its optional dependencies: `npm install` then fetches DuckDB and sharp for this ' +
      'platform.',
  ),
  DATA_LOCKED: environment('Wait for the other process to end, and run again.'),
  DATA_SPACE: environment('Make room, or set STILLHOUSE_CACHE to a folder on another disk.'),
  DATA_CHECKSUM: environment('Download the file again; if it fails again, use another mirror with --mirror.'),
  DATA_DOWNLOAD: environment('Check the network, or give another address with --mirror.'),
  MODEL_INVALID: input('Correct the model in the recipe at the layer named.'),
  MODEL_SHAPE: input(
    'Make the model fit the rows: its first layer must take their shape, its last layer must have the number ' +
      'of outputs.',
  ),
  TEACHER_NOT_FOUND: input(
    'Give a run folder with a teacher, a model.json or its folder, a Keras .h5 or .keras file, an .onnx file, ' +
      'or the folder of a SavedModel; paths are relative to the folder of the recipe.',
  ),
  TEACHER_UNLIKE: input('Give a teacher for the same task, or the data that it was trained on.'),
  MODEL_LAYER: input(
    'Name a layer that the model has; layers of a short list are named by kind and number, such as dense_2.',
  ),
  EXTENSION_MODULE: input(
    'Fix the module: its export is a function of { options } that returns a definition; see docs/extending.md.',
  ),
  MODEL_MODULE: input('Fix the module: it must export a function that returns a tf.LayersModel.'),
  TUNE_FOLDS: input('Lower distill.tune.folds, or give the small set more rows.'),
  TUNE_FAILED: training('Narrow the ranges in distill.tune.values: every trial gave numbers that are not finite.'),
  BACKEND_UNAVAILABLE: environment('Choose another backend with --backend, for example wasm or cpu.'),
  BACKEND_KERNEL: environment(
    'Train this model with --backend cpu: the chosen backend has no kernel for one of its layers.',
  ),
  BACKEND_SOURCE: input(
    'Give a TensorFlow wheel, or a folder that holds libtensorflow_cc, libtensorflow_framework and include/, ' +
      'with --from.',
  ),
  BACKEND_TOOL: environment('Install the missing tool.'),
  BACKEND_DOWNLOAD: environment('Check the network, or give a wheel with --from PATH.'),
  BACKEND_SPACE: environment('Make room, or set STILLHOUSE_CACHE to a folder on another disk.'),
  BACKEND_BUILD: environment(
    'Try another compiler with CXX, or another TensorFlow with --from PATH; or choose another backend with --backend.',
  ),
  BUNDLE_SYSTEM: environment(
    'Make it on Linux or macOS, with a Node from nodejs.org, which needs no library of the system.',
  ),
  PORT_IN_USE: environment(
    'Choose another port with --listen HOST:PORT (for a worker: --mesh-listen HOST:PORT), or 0 for any free one.',
  ),
  LISTEN_FAILED: environment(
    'Choose an address of this machine with --listen HOST:PORT (for a worker: --mesh-listen HOST:PORT).',
  ),
  NETWORK_MISSING: environment(
    'Name an interface of this machine, or a range that has one of its addresses, with --network; or leave it out.',
  ),
  OUT_EXISTS: input('Choose another folder with --out, or remove this one.'),
  OUT_UNWRITABLE: environment('Choose a folder that you may write to with --out.'),
  FILE_REFUSED: environment(
    'Check that the file or folder exists, that you may read or write it, and that its disk has room.',
  ),
  RUN_NOT_FOUND: input('Give a folder that `stillhouse run` wrote: it contains run.json.'),
  RUN_INCOMPLETE: input('Let the run finish first: this folder has no trained model.'),
  COORDINATOR_UNREACHABLE: environment('Check the address, and that the coordinator is running.'),
  COORDINATOR_LOST: environment("Look at the coordinator's log for why it ended."),
  PROTOCOL_VERSION: environment('Install the same version of stillhouse on every machine.'),
  TOKEN_REJECTED: environment(
    'Give the worker the token that the coordinator printed, in STILLHOUSE_TOKEN or with --token.',
  ),
  FINGERPRINT_MISMATCH: environment(
    'Use the same backend on every worker, or allow a mix with --allow-mixed (the result then depends on the cluster).',
  ),
  RUN_CHANGED: input('Put the data and the files of the models back as they were, or start a new run.'),
  RUN_OVER: environment('Start another run, or look at run.json for how this one ended.'),
  RUN_ALIVE: environment('Stop the other process first, or take the run over from it with --take-over.'),
  RUN_FULL: environment('Stop other workers of the run first.'),
  WORKERS_MISSING: environment("Look at the workers' logs for why they did not join."),
  WORKER_LOST: environment('Look at the log of the worker named, then continue with `stillhouse run --resume DIR`.'),
  WORKER_CRASHED: environment(
    'Look at the log of the worker named: the process ended by itself, for example for lack of memory, or because ' +
      'its engine does not work on this machine: `stillhouse doctor` tries each.',
  ),
  COORDINATOR_FENCED: environment('Nothing to do: the newer coordinator continues the run.'),
  WORKER_FAILED: environment('Look at the log of the worker named: it has the stack.'),
  PROTOCOL_VIOLATION: environment('Report this as a bug, with the logs of the run folder.'),
  CHECKPOINT_CORRUPT: environment('Check the disk; the previous checkpoint is used if there is one.'),
  JOURNAL_CORRUPT: environment('Check the disk: the run cannot be continued from this folder.'),
  BLOCK_CORRUPT: environment('Run again; if it happens again, check the memory and disks of both machines.'),
  MODEL_DIVERGED: training('Every worker must build the same model: remove unseeded randomness from the model module.'),
  LEDGER_BROKEN: training('Report this as a bug, with the run folder.'),
  LOSS_NOT_FINITE: training(
    'Lower the learning rate, clip gradients with optimizer.clipNorm, or look for extreme values in the data. ' +
      'The last good weights are in the run folder.',
  ),
  PREDICT_ROW: input(
    'Give one row per line, as CSV cells or a JSON array, with as many values as the model has inputs.',
  ),
  STUDENT_NOT_FOUND: input('Give the folder of a model, such as RUN/student, or its URL.'),
  STUDENT_FORMAT: input('Copy model.json and weights.bin of the model again.'),
  INTERRUPTED: { exit: exitCodes.interrupted, next: 'Run again when you are ready.' },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorKinds;

/** An operating error: something that the user can fix. Anything else that is thrown is a bug. */
export class StillhouseError extends Error {
  readonly code: ErrorCode;
  /** What to do next, one sentence. */
  readonly next: string;
  /** Stack in the process where it happened, if that is another process and the stack is informative. */
  readonly remoteStack: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { next?: string; cause?: unknown; remoteStack?: string } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'StillhouseError';
    this.code = code;
    this.next = options.next ?? errorKinds[code].next;
    this.remoteStack = options.remoteStack;
  }

  get exitCode(): number {
    return errorKinds[this.code].exit;
  }
}

/** Whether a code blames the user's input, which is the same on every machine. */
export function isInputError(code: string): boolean {
  return code in errorKinds && errorKinds[code as ErrorCode].exit === exitCodes.input;
}

/** What crosses a socket or a thread in place of an Error. */
export interface ErrorRecord {
  readonly code: ErrorCode | 'BUG';
  readonly message: string;
  /** What to do next, if it differs from the code's usual advice. */
  readonly next?: string;
  readonly stack?: string;
}

/** Why an operating system refuses a file, in words: something that its user can do something about. */
const refusals: Readonly<Record<string, string>> = {
  EACCES: 'permission is denied',
  EBUSY: 'it is in use',
  EDQUOT: 'the quota of the disk is used up',
  EEXIST: 'there is a file or folder with this name',
  EIO: 'the disk reports an error',
  EISDIR: 'it is a folder',
  ELOOP: 'its links lead back to themselves',
  EMFILE: 'this process has too many files open',
  ENAMETOOLONG: 'its name is too long',
  ENFILE: 'this machine has too many files open',
  ENOENT: 'there is no such file or folder',
  ENOSPC: 'no space is left on its disk',
  ENOTDIR: 'a part of its path is a file, not a folder',
  ENOTEMPTY: 'the folder is not empty',
  EPERM: 'the system does not permit it',
  EROFS: 'its disk can only be read',
};

interface SystemError {
  readonly code?: unknown;
  readonly syscall?: unknown;
  readonly path?: unknown;
}

/** What the operating system refused, as an operating error; anything else is returned as it is. */
export function withoutRefusal(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code, syscall, path } = error as SystemError;
  const words = typeof code === 'string' && typeof syscall === 'string' ? refusals[code] : undefined;
  if (words === undefined) return error;
  const of = typeof path === 'string' ? ` '${path}'` : '';
  return new StillhouseError('FILE_REFUSED', `${words} (${String(code)}, ${String(syscall)}${of})`, { cause: error });
}

export function toErrorRecord(thrown: unknown): ErrorRecord {
  const error = withoutRefusal(thrown);
  if (error instanceof StillhouseError)
    return {
      code: error.code,
      message: error.message,
      ...(error.next === errorKinds[error.code].next ? {} : { next: error.next }),
    };
  if (error instanceof Error)
    return { code: 'BUG', message: error.message, ...(error.stack ? { stack: error.stack } : {}) };
  return { code: 'BUG', message: String(error) };
}

/** What something thrown says, of an Error or of anything else. */
export const messageOf = (error: unknown): string => toErrorRecord(error).message;

/** The first line of what something thrown says: messages of libraries may have many. */
export const firstLineOf = (error: unknown): string => messageOf(error).split('\n')[0]!;

export function fromErrorRecord(record: ErrorRecord): Error {
  if (record.code !== 'BUG' && record.code in errorKinds)
    return new StillhouseError(record.code, record.message, {
      ...(record.next === undefined ? {} : { next: record.next }),
      ...(record.stack === undefined ? {} : { remoteStack: record.stack }),
    });
  const error = new Error(record.message);
  if (record.stack) error.stack = record.stack;
  return error;
}

/** Asserts something that only a programmer can get wrong. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`invariant: ${message}`);
}
