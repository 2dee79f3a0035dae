// What a coordinator needs from the place where a run is stored. RunFolder stores it on disk; simulations have their
// own store, with faults.
import type { ExportedModel, PhaseName } from '@stillhouse/core';
import type { CheckpointRecord, JournalRecord } from '@stillhouse/core/cluster';

/** A checkpoint that is being written. */
export interface CheckpointSink {
  write(bytes: Uint8Array): void;
  /** Makes it durable: from now on it exists completely, or not at all. */
  commit(record: Pick<CheckpointRecord, 'phase' | 'ops' | 'sha256'>): void;
  abandon(): void;
}

/** All calls throw StillhouseError OUT_UNWRITABLE if the disk is full or gone. */
export interface RunStore {
  /** Adds a record to the journal; it is on disk when the call returns. */
  append(record: JournalRecord): void;
  /** The highest term of any coordinator of this run; 0 if it cannot be read. */
  newestTerm(): number;
  /** @returns SHA-256 of the weights' bytes */
  saveModel(phase: PhaseName, model: ExportedModel, lastGood: boolean): string;
  /** Bytes of a phase's weights, or undefined. */
  readModel(phase: PhaseName): Uint8Array | undefined;
  beginCheckpoint(): CheckpointSink;
  readCheckpoint(record: Pick<CheckpointRecord, 'phase' | 'ops' | 'sha256'>): Uint8Array | undefined;
  dropCheckpoint(record: Pick<CheckpointRecord, 'phase' | 'ops' | 'sha256'>): void;
}
