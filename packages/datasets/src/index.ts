// @stillhouse/datasets: sources, preprocessing and content-hashed blocks.
export { loadDataset, type Dataset } from './dataset.js';
export { downloadDataset, knownDatasets, type KnownDataset } from './download.js';
export { dataCacheFolder, dataFolders, type DataPlaces } from './locate.js';
export { BlockReader, cutBlocks, sha256, type Batch, type RowSet } from './row-set.js';
export { encodeTable, inputWidth, parseTable, type Preprocessing, type Table } from './table.js';
