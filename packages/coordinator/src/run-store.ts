// What a coordinator needs of the place where a run is kept. RunFolder is one on disk; simulations bring their own, with faults.
import type { CheckpointRecord, ExportedModel, JournalRecord, PhaseName } from '@stillhouse/core';

/** A checkpoint on its way to the disk. */
export interface CheckpointSink {
  write(bytes: Uint8Array): void;
  /** Makes it last: from now on it is there whole, or not at all. */
  commit(record: Pick<CheckpointRecord, 'phase' | 'ops' | 'sha256'>): void;
  abandon(): void;
}

/** All calls throw StillhouseError OUT_UNWRITABLE where the disk is full or gone. */
export interface RunStore {
  /** Adds a record to the journal; it is on disk when the call returns. */
  append(record: JournalRecord): void;
  /** The highest term of any coordinator of this run; 0 where it cannot be read. */
  newestTerm(): number;
  /** @returns SHA-256 of the weights' bytes */
  saveModel(phase: PhaseName, model: ExportedModel, lastGood: boolean): string;
  /** Bytes of a phase's weights, or undefined. */
  readModel(phase: PhaseName): Uint8Array | undefined;
  beginCheckpoint(): CheckpointSink;
  readCheckpoint(record: Pick<CheckpointRecord, 'phase' | 'ops' | 'sha256'>): Uint8Array | undefined;
  dropCheckpoint(record: Pick<CheckpointRecord, 'phase' | 'ops' | 'sha256'>): void;
}
