// @stillhouse/datasets: sources, preprocessing and content-hashed blocks.
export { BlockCache, BlockFolder, type BlockSource } from './block/block-folder.js';
export { BlockReader } from './block/block-reader.js';
export { cutTensors, type Batch } from './block/blocks.js';
export { TrainingReader, type StepPlace } from './block/training-reader.js';
export { downloadDataset, knownDatasets, type KnownDataset } from './fetch/download.js';
export { fileIdentity, type FileIdentity } from './file/identity.js';
export { blockCacheFolder, dataCacheFolder, dataFolders, preparedFolder, type DataPlaces } from './file/places.js';
export { readJson, type Check } from './file/read-json.js';
export { sha256 } from './file/sha256.js';
export { refuseLinksIn } from './file/refuse-links.js';
export { syncFolder, writeWhole } from './file/write-whole.js';
export type { Taught } from './prepare/taught.js';
export { prepareDataset, type Dataset, type PrepareOptions } from './prepare/prepare.js';
export { readTestSet, type TestSet } from './prepare/test-set.js';
export type { Chunk } from './row/chunk.js';
export { inspectSource, sourceOf, type Inspection } from './source/inspect.js';
export type { InspectedColumn } from './table/inspect-columns.js';
export type { RowsContext, SourceOptions } from './source/module.js';
export {
  contentOf,
  defineSource,
  type OpenContext,
  type PathName,
  type Rows,
  type Source,
  type SourceContext,
  type SourceKind,
} from './source/source.js';
export type { ImageFiles } from './source/image-files.js';
export { openContext, sourceContext, sourceKind } from './source/sources.js';
export { textOfRows } from './table/csv-text.js';
export { TableReader, type Query, type TableFiles } from './table/duckdb.js';
export type { Preprocessing } from './table/preprocessing.js';
export type { FittedTarget } from './table/table-targets.js';
export type { TableColumn, Want } from './table/column-reading.js';
export type { ColumnSummary, Database, Table, TableOptions } from './table/table.js';
export type { FileColumn } from './table/unite-files.js';
export type { TensorSet } from './tensor/tensor-set.js';
