// @stillhouse/datasets: sources, preprocessing and content-hashed blocks.
export { BlockCache, BlockFolder, type BlockSource } from './block/block-folder.js';
export { BlockReader } from './block/block-reader.js';
export { cutTensors, type Batch } from './block/blocks.js';
export { TrainingReader } from './block/training-reader.js';
export { downloadDataset, knownDatasets, type KnownDataset } from './fetch/download.js';
export { sha256 } from './file/sha256.js';
export { blockCacheFolder, dataCacheFolder, dataFolders, preparedFolder, type DataPlaces } from './file/places.js';
export { prepareDataset, type Dataset, type PrepareOptions } from './prepare/prepare.js';
export { inspectSource, sourceOf, type Inspection } from './source/inspect.js';
export type { Preprocessing } from './table/preprocessing.js';
