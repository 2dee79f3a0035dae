// Every bound of the system in one place; units last in the names.

export const limits = {
  /** Largest frame of any link: a trained model, or a segment of a gradient. */
  frameBytes: 1024 * 1024 * 1024,
  /** Rows of a data block are chosen so that it stays near this size. */
  blockTargetBytes: 1024 * 1024,
  /** Sets up to this size are shuffled whole; a rank draws from so many blocks at a time of larger ones. */
  shuffledWholeBytes: 64 * 1024 * 1024,
  windowBlocks: 8,
  /** So many blocks at most are in the windows of all ranks together, if each has one at least. */
  windowsBlocks: 64,
  /** Files of one source. */
  fileCount: 100_000,
  /** Categories of a column that becomes an input each, and of any other column. */
  oneHotCategories: 10_000,
  /** Classes, sources or levels of weights that an epoch draws from in proportion. */
  segmentCount: 200,
  categoryCount: 1_000_000,
  /** Blocks that a worker holds in memory, but for those that its windows need. */
  keptBlockBytes: 96 * 1024 * 1024,
  rankCount: 4096,
  workerCount: 1024,
  layerCount: 1000,
  /** Terms of distillation, and transfer sets. */
  termCount: 100,
  /** A teacher's outputs are kept for rows that come again if all of them take no more than this. */
  teacherAnswersBytes: 256 * 1024 * 1024,
  /** Pretrained teachers. */
  teacherCount: 100,
  /** Rows of the large set on which a student's biases are corrected, from so many blocks. */
  biasRows: 10_000,
  biasBlocks: 64,
  /** Trials of a search. */
  trialCount: 100_000,
  /** Rows of a batch whose triples are compared: their number is the cube of it. */
  angleRows: 512,
  rowCount: 2 ** 40,
  /** A worker says that it lives this often. */
  heartbeatIntervalMs: 1_000,
  /** A worker that computes without a pause looks this often at what has come in. */
  breathIntervalMs: 100,
  /** A worker, or a coordinator, that said nothing for so long is lost, unless the user says otherwise. */
  heartbeatTimeoutMs: 10_000,
  /** A worker that said nothing for so long is named, before it counts as lost. */
  silenceNoticeMs: 3_000,
  /** Members that all wait, and have come no further for so long, are linked anew. */
  stallTimeoutMs: 5_000,
  /** How long reports of peers that cannot be reached are collected before one of them is left out. */
  accusationMs: 1_000,
  /** A worker that others cannot reach is left out for so long before it is tried again. */
  quarantineMs: 30_000,
  /** Epochs that a coordinator does not know are reported so many at once. */
  reportsAtOnce: 1_000,
  /** A message that seems to have been lost is sent again after so long. */
  resendMs: 2_000,
  /** How long a coordinator that was started again waits for the workers of before. */
  adoptionMs: 3_000,
  /** How long a worker goes on without its coordinator before it gives up. */
  coordinatorPatienceMs: 600_000,
  /** The same for a worker of `run`, whose coordinator is its parent. */
  managedPatienceMs: 2_000,
  /** Bytes of training state in one message or frame. */
  statePartBytes: 1024 * 1024,
  /** A checkpoint is taken so often, unless the user says otherwise. */
  checkpointEveryMs: 30_000,
  /** `run` starts a worker that was killed again so often, after so long. */
  workerRestarts: 5,
  workerRestartMs: 1_000,
  /** A checkpoint whose next part does not come for so long is given up. */
  checkpointTimeoutMs: 20_000,
  /** So many of the newest checkpoints are kept, besides the best one. */
  checkpointsKept: 3,
  /** A worker fetches so many blocks at once, and each so often if it comes with other bytes than its hash says. */
  blocksAtOnce: 4,
  blockTries: 3,
  /** A worker that has a block gets so long to hand it out; one that does not is not asked again for so long. */
  peerBlockMs: 3_000,
  peerRestMs: 60_000,
  /** So many workers are remembered for each block that they were sent. */
  blockHolders: 8,
  /** So often a coordinator prepares spoilt blocks anew. */
  blockRepairs: 10,
  /** Blocks that a worker keeps on its disk. */
  cachedBlockBytes: 4 * 1024 ** 3,
  /** A block that does not come for so long is asked for again. */
  blockRetryMs: 5_000,
  /** Ranks move only if that makes a step shorter by this share, and not more often than this. */
  rebalanceGain: 0.15,
  rebalanceIntervalMs: 5_000,
  /** A worker's speed is its mean over about so long. */
  speedAverageMs: 5_000,
  /** Steps after which a worker's speed is told. */
  timedStepsNeeded: 3,
  /** How long a worker's speed counts after it has computed last. */
  measurementKeptMs: 60_000,
  /** How often a coordinator looks whether somebody is silent or late. */
  tickIntervalMs: 500,
  /** How long `run` waits for its own workers to join. */
  joinTimeoutMs: 60_000,
  /** How long a connection attempt may take. */
  connectTimeoutMs: 5_000,
  /** How long a worker looks for a coordinator that it has not met yet, and how long it waits between attempts. */
  connectPatienceMs: 10_000,
  connectPauseMs: 500,
  /** How long processes get to end by themselves before they are killed. */
  shutdownGraceMs: 2_000,
  /** Progress messages of a worker are at least this far apart. */
  progressIntervalMs: 200,
  /** Rows evaluated at once. */
  evaluationBatchRows: 256,
} as const;
