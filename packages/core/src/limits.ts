// Every bound of the system in one place; units last in the names.

export const limits = {
  /** Largest frame of any link: a trained model, or a segment of a gradient. */
  frameBytes: 1024 * 1024 * 1024,
  /** Rows of a data block are chosen so that it stays near this size. */
  blockTargetBytes: 1024 * 1024,
  rankCount: 4096,
  workerCount: 1024,
  layerCount: 1000,
  rowCount: 2 ** 40,
  /** A worker says that it lives this often. */
  heartbeatIntervalMs: 1_000,
  /** A worker that said nothing for so long is lost. Longer than any one micro-batch keeps its thread busy. */
  heartbeatTimeoutMs: 60_000,
  /** How often a coordinator looks whether somebody is silent or late. */
  tickIntervalMs: 500,
  /** How long `run` waits for its own workers to join. */
  joinTimeoutMs: 60_000,
  /** How long a connection attempt may take. */
  connectTimeoutMs: 10_000,
  /** A worker tries so often to reach its coordinator, with a pause in between. */
  connectTries: 20,
  connectPauseMs: 500,
  /** How long processes get to end by themselves before they are killed. */
  shutdownGraceMs: 2_000,
  /** Progress messages of a worker are at least this far apart. */
  progressIntervalMs: 200,
  /** Rows evaluated at once. */
  evaluationBatchRows: 256,
} as const;
