// @stillhouse/datasets: sources, preprocessing and content-hashed blocks.
export { BlockCache, BlockFolder, type BlockSource } from './block-folder.js';
export { BlockReader } from './block-reader.js';
export { cutTensors, sha256, type Batch } from './blocks.js';
export { downloadDataset, knownDatasets, type KnownDataset } from './download.js';
export { encodeCsv } from './encode-csv.js';
export { blockCacheFolder, dataCacheFolder, dataFolders, preparedFolder, type DataPlaces } from './files.js';
export { inspectSource, sourceOf, type Inspection } from './inspect.js';
export { prepareDataset, type Dataset, type PrepareOptions } from './prepare.js';
export { TrainingReader } from './training-reader.js';
export type { Preprocessing } from './preprocessing.js';
