// Where a worker gets what the run consists of: from its disk, from other workers, from the coordinator.

/** Gets bytes of the run by their SHA-256: blocks of data, weights of a teacher. */
export type FetchBlock = (hash: string) => Promise<Uint8Array>;
