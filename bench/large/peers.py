# Rows per second into a training step, from the same Parquet files: PyTorch's DataLoader over pyarrow, and tf.data.
#   python peers.py torch|tensorflow FILES… --rows N: trains 20-64-1 with Adam on batches of 8192, and prints JSON
# Rows are standardised, and shuffled within buffers of several row groups, which are read in a shuffled order.
import argparse, json, os, time

parser = argparse.ArgumentParser()
parser.add_argument('peer')
parser.add_argument('files', nargs='+')
parser.add_argument('--rows', type=int, required=True)
parser.add_argument('--threads', type=int, default=1)
parser.add_argument('--loaders', type=int, default=1)
arguments = parser.parse_args()
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
import numpy as np
import pyarrow.parquet as pq

batch, groups_at_once, warm_steps = 8192, 6, 20


def batches(files, seed):
    """Batches of [8192, 20] standardised inputs and their targets."""
    random = np.random.default_rng(seed)
    groups = [(file, group) for file in files for group in range(pq.ParquetFile(file).num_row_groups)]
    random.shuffle(groups)
    readers = {file: pq.ParquetFile(file) for file in files}
    scale = np.float32(1 / 0.2887)
    rest = None
    for first in range(0, len(groups), groups_at_once):
        tables = [readers[file].read_row_group(group) for file, group in groups[first:first + groups_at_once]]
        rows = np.concatenate([np.stack([column.to_numpy().astype(np.float32, copy=False) for column in table.columns], axis=1) for table in tables])
        rows = rows[random.permutation(len(rows))]
        rows[:, :-1] = (rows[:, :-1] - np.float32(0.5)) * scale
        if rest is not None:
            rows = np.concatenate([rest, rows])
        whole = len(rows) // batch * batch
        for at in range(0, whole, batch):
            yield rows[at:at + batch, :-1], rows[at:at + batch, -1:]
        rest = rows[whole:]


def timed(steps, train):
    """Trains on a stream of batches; seconds do not count the first steps."""
    seen, started = 0, None
    for step, (x, y) in enumerate(steps):
        train(x, y)
        if step == warm_steps:
            started = time.perf_counter()
        elif step > warm_steps:
            seen += batch
        if seen >= arguments.rows:
            break
    return seen / (time.perf_counter() - started)


def run_torch():
    import torch
    torch.set_num_threads(arguments.threads)

    class Rows(torch.utils.data.IterableDataset):
        def __iter__(self):
            info = torch.utils.data.get_worker_info()
            files = arguments.files[info.id::info.num_workers] if info else arguments.files
            for x, y in batches(files, 1):
                yield torch.from_numpy(np.ascontiguousarray(x)), torch.from_numpy(np.ascontiguousarray(y))

    model = torch.nn.Sequential(torch.nn.Linear(20, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))
    optimizer = torch.optim.Adam(model.parameters())

    def train(x, y):
        optimizer.zero_grad(set_to_none=True)
        torch.nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()

    return timed(torch.utils.data.DataLoader(Rows(), batch_size=None, num_workers=arguments.loaders, prefetch_factor=4), train)


def run_tensorflow():
    import tensorflow as tf
    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    signature = (tf.TensorSpec((None, 20), tf.float32), tf.TensorSpec((None, 1), tf.float32))
    data = tf.data.Dataset.from_generator(lambda: batches(arguments.files, 1), output_signature=signature).prefetch(8)
    model = tf.keras.Sequential([tf.keras.Input((20,)), tf.keras.layers.Dense(64, activation='relu'), tf.keras.layers.Dense(1)])
    optimizer = tf.keras.optimizers.Adam()

    @tf.function
    def train(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x) - y))
        optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))

    return timed(data, train)


print(json.dumps({'rowsPerSecond': {'torch': run_torch, 'tensorflow': run_tensorflow}[arguments.peer]()}))
