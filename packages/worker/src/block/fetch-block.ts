/** Gets bytes of the run by the SHA-256 that they have: blocks of data, weights of a teacher. */
export type FetchBlock = (hash: string) => Promise<Uint8Array>;
