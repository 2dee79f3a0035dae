// The bounds of the protocol and of memory; units last in the names.

export const limits = {
  /** Largest frame of any link: a trained model. */
  frameBytes: 1024 * 1024 * 1024,
  /** Largest frame of a connection without a valid hello, and how long it may take to send one. */
  helloBytes: 4 * 1024,
  helloMs: 5_000,
  /** Connections of a port without a valid hello; beyond this the oldest is cut. */
  strangerCount: 1024,
  /** How much may wait to be sent to such a connection; to a worker that gets blocks from another worker. */
  strangerQueuedBytes: 64 * 1024,
  blockQueuedBytes: 64 * 1024 * 1024,
  /** How much may wait to be sent from a coordinator to a worker. */
  workerQueuedBytes: 64 * 1024 * 1024,
  /** Frames as long as the longest of a link that may wait as well: a worker requests `blocksAtOnce`. */
  longFramesQueued: 4,
  /** A frame that was begun must bring this much per tick, or it is given up after a while. */
  frameBytesPerTick: 4 * 1024,
  unfinishedFrameMs: 30_000,
  /** Nested lists and maps in a message, and the text of a worker's message. */
  messageDepth: 64,
  messageTextBytes: 16 * 1024 * 1024,
  /** Values in a message of a worker, and in any message. */
  workerMessageValues: 200_000,
  messageValues: 64 * 1024 * 1024,
  /** Numbers of a gradient per frame between workers. */
  chunkFloats: 64 * 1024,
  /** Metrics of a set of rows. */
  metricCount: 1000,
  /** Length of a host name; of another line that is printed; of an error's message, and of its stack. */
  nameLength: 255,
  lineLength: 1000,
  errorLength: 100_000,
  /** Refusals of workers that are logged, and per what time; the others are counted. */
  refusalsLogged: 10,
  refusalsLoggedMs: 10_000,
  /** The number of rows in a data block is chosen so that its size is close to this. */
  blockTargetBytes: 1024 * 1024,
  /**
   * Sets up to this size are shuffled as a whole; in larger ones a rank draws from `rankWindowBlocks` blocks at a time.
   */
  shuffledWholeBytes: 64 * 1024 * 1024,
  rankWindowBlocks: 8,
  /** Most blocks in the windows of all ranks together, unless that leaves a rank without one. */
  totalWindowBlocks: 64,
  /** Files of one source. */
  fileCount: 100_000,
  /** Categories of a column that is one-hot encoded. */
  oneHotCategories: 10_000,
  /** Classes, sources or levels of weights that an epoch draws from in proportion. */
  segmentCount: 200,
  categoryCount: 1_000_000,
  /** Blocks that a worker keeps in memory, apart from those that its windows need. */
  keptBlockBytes: 96 * 1024 * 1024,
  /** Coordinators of a run, one after the other: generations count from term · 2¹⁶, in 32 bits. */
  coordinatorCount: 65_534,
  rankCount: 4096,
  /** Steps of a round: an account of its rows, and how far a rank came, must be exact in fp32. */
  roundSteps: 10_000,
  /** The description of a model's layers. */
  modelConfigBytes: 16 * 1024 * 1024,
  workerCount: 1024,
  layerCount: 1000,
  /** Terms of distillation, and transfer sets. */
  termCount: 100,
  /** A teacher's outputs for rows that come again are kept if all of them together take no more than this. */
  teacherAnswersBytes: 256 * 1024 * 1024,
  /** Pretrained teachers. */
  teacherCount: 100,
  /** Rows of the large set on which a student's biases are corrected, and the blocks that they are drawn from. */
  biasRows: 10_000,
  biasBlocks: 64,
  /** Trials of a search. */
  trialCount: 100_000,
  /** Rows of a batch whose triples are compared; the number of triples is the cube of this. */
  angleRows: 512,
  rowCount: 2 ** 40,
  /** Time between a worker's heartbeats. */
  heartbeatIntervalMs: 1_000,
  /** A worker that computes without a pause reads its messages this often. */
  yieldIntervalMs: 100,
  /** A worker or coordinator without a heartbeat for this long is lost, unless the user sets another time. */
  heartbeatTimeoutMs: 10_000,
  /** A worker without a heartbeat for this long is named, before it counts as lost. */
  silenceNoticeMs: 3_000,
  /** If all members wait without progress for this long, they are linked again. */
  stallTimeoutMs: 5_000,
  /** How long reports of peers that cannot be reached are collected before one of them is left out. */
  accusationMs: 1_000,
  /**
   * A worker that others cannot reach is left out for this long before it is tried again, each time for twice as long
   * as before, up to a longest time.
   */
  quarantineMs: 30_000,
  longestQuarantineMs: 600_000,
  /** Later generations that peers may connect for before this worker knows of them. */
  generationsAhead: 16,
  /** A link that breaks this often before a generation starts, or is waited for, counts as one that cannot be made. */
  breaksTolerated: 3,
  /** How many members try to reach a newcomer, and after what time they are asked again. */
  probingMembers: 5,
  probeMs: 8_000,
  /** Addresses of a worker in addition to the one that names it. */
  meshAlternatives: 8,
  /** Peers whose addresses a worker measures, how many at once; the others are reached at the first that works. */
  measuredPeers: 16,
  measuredAtOnce: 4,
  /** How long a first address may take to be reached, then the others, and how long measuring one may take. */
  routeMs: 1_000,
  measureMs: 2_000,
  /** Empty answers whose fastest is the latency. */
  latencyTries: 5,
  /** Bandwidth is that of an answer that takes at least so long, the first of so many bytes, the last of most. */
  bandwidthMs: 30,
  firstMeasuredBytes: 64 * 1024,
  measuredBytes: 8 * 1024 * 1024,
  /** Processes that a coordinator remembers, and the names that it gave them. */
  processCount: 16_384,
  /** Most epochs per report to a coordinator that has missed some. */
  reportsAtOnce: 1_000,
  /** A message that seems to have been lost is sent again after this long. */
  resendMs: 2_000,
  /** How long a restarted coordinator waits for the workers that its predecessor had. */
  adoptionMs: 3_000,
  /** How long a worker continues without its coordinator before it gives up. */
  coordinatorPatienceMs: 600_000,
  /** The same for a worker of `run`, whose coordinator is its parent. */
  managedPatienceMs: 2_000,
  /** Bytes of training state in one message or frame. */
  statePartBytes: 1024 * 1024,
  /** Time between checkpoints, unless the user sets another. */
  checkpointEveryMs: 30_000,
  /** How long the end of an interrupted run waits for its last checkpoint. */
  lastCheckpointMs: 5_000,
  /** How often `run` restarts a worker that was killed, and after what time. */
  workerRestarts: 5,
  workerRestartMs: 1_000,
  /** A checkpoint whose next part does not arrive for this long is given up. */
  checkpointTimeoutMs: 20_000,
  /** How many of the newest checkpoints are kept, in addition to the best one. */
  checkpointsKept: 3,
  /** How many blocks a worker fetches at once, and how often it tries a block whose bytes do not match its hash. */
  blocksAtOnce: 4,
  /** How many requests of another worker are answered at once. */
  blockQuestionsAtOnce: 16,
  blockTries: 3,
  /** How long a worker may take to hand out a block, and how long one that took longer is not asked again. */
  peerBlockMs: 3_000,
  peerRestMs: 60_000,
  /** How many of the workers that were sent a block are remembered. */
  blockHolders: 8,
  /** How often a coordinator prepares corrupt blocks again. */
  blockRepairs: 10,
  /** Blocks that a worker keeps on its disk. */
  cachedBlockBytes: 4 * 1024 ** 3,
  /** A block that does not arrive for this long is requested again. */
  blockRetryMs: 5_000,
  /** Ranks move only if that makes a step shorter by this share, and at most once per interval. */
  rebalanceGain: 0.15,
  rebalanceIntervalMs: 5_000,
  /** A worker's speed is its mean over about this time. */
  speedAverageMs: 5_000,
  /** Steps after which a worker reports its speed. */
  timedStepsNeeded: 3,
  /** Steps of a phase after which its times are reported: the first ones take longer. */
  stepsBeforeTimes: 50,
  /** How long a worker's speed counts after its last computation. */
  measurementKeptMs: 60_000,
  /** How often a coordinator checks for workers that are silent or late. */
  tickIntervalMs: 500,
  /** How long `run` waits for its own workers to join. */
  joinTimeoutMs: 60_000,
  /** How long a connection attempt may take. */
  connectTimeoutMs: 5_000,
  /** How long a worker tries to reach its first coordinator, and how long it waits between attempts. */
  connectPatienceMs: 10_000,
  connectPauseMs: 500,
  /** How long processes may take to end by themselves before they are killed. */
  shutdownGraceMs: 2_000,
  /** Progress messages of a worker are at least this far apart. */
  progressIntervalMs: 200,
  /** Rows evaluated at once. */
  evaluationBatchRows: 256,
} as const;
