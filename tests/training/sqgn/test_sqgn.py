"""The whole method against a NumPy transcription of Algorithm 1, and its manners as a Keras optimizer."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_network import MSE, NumpyNetwork, flat, tiny_data, tiny_network, train

from training.sqgn import SQGN, Partition, SecondOrderModel
from training.sqgn.estimators import ESTIMATORS


def algorithm_1(network, w, batches, data, *, K, alpha, lam, L, M, fraction, iterations):
    """The paper's Algorithm 1, line by line, in float64."""
    x, y = data
    C = []
    for k in range(iterations):
        if k % K == 0:
            mu = network.at(w, x, y)[0]
            w_tilde = w
        S = batches(k)
        g = network.at(w, x[S], y[S])[0] - network.at(w_tilde, x[S], y[S])[0] + mu
        q, alphas = g.copy(), []
        for s, v in reversed(C):
            alphas.append((s @ q) / (s @ v))
            q = q - alphas[-1] * v
        if C:
            q = np.mean([(s @ v) / (v @ v) for s, v in C]) * q
        for s, v in C:
            q = q + (alphas.pop() - (v @ q) / (s @ v)) * s
        s = (1e-7 if k == 0 else alpha) * -q
        w = w + s
        if k % M == 0:
            T = S[: int(np.ceil(fraction * len(S)))]
            v = network.at(w, x[T], y[T])[1] @ s + lam * s
            C = [*C, (s, v)][-L:]
    return w


def batches_of(samples, size, seed=0):
    def batch(k):
        per_epoch = -(-samples // size)
        order = np.random.default_rng([seed, k // per_epoch]).permutation(samples)
        start = (k % per_epoch) * size
        return order[start : start + size]

    return batch


@pytest.mark.parametrize(
    ("variance_reduction", "K", "M", "fraction"),
    [("svrg", 5, 1, 1.0), ("svrg", 3, 2, 0.5), ("cached", 5, 1, 1.0)],
)
def test_fifty_iterations_equal_algorithm_1(float64, variance_reduction, K, M, fraction):
    """Samples 12 in batches of 5, 5 and 2; `cached` gives SVRG's own iterates when K is a multiple of the epoch."""
    K = 3 if variance_reduction == "cached" else K
    x, y = tiny_data()
    model = tiny_network()
    w = flat(model.trainable_variables)
    optimizer = SQGN.reference(
        full_gradient_interval=K,
        variance_reduction=variance_reduction,
        curvature_interval=M,
        curvature_fraction=fraction,
        history=4,
    )
    model.compile(optimizer=optimizer, loss=MSE(dtype="float64"))
    partition = Partition.of_arrays(x, y, 5, seed=7)
    model.fit(partition, epochs=17, verbose=0)
    expected = algorithm_1(
        NumpyNetwork(model), w, batches_of(12, 5, 7), (x, y),
        K=K, alpha=0.1, lam=0.1, L=4, M=M, fraction=fraction, iterations=51,
    )  # fmt: skip
    assert np.abs(expected - w).max() > 0.1
    np.testing.assert_allclose(flat(model.trainable_variables), expected, rtol=0, atol=1e-8)


def test_one_step_solves_a_quadratic(float64):
    """A linear network and a square loss, a history that spans the weights, alpha = 1: one step is Newton's."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 1))
    inputs = keras.Input((3,))
    model = SecondOrderModel(inputs, keras.layers.Dense(1, use_bias=False)(inputs))
    optimizer = SQGN.reference(regularization=0.0, variance_reduction="none", history=3, batches_per_epoch=1)
    model.compile(optimizer=optimizer, loss=MSE(dtype="float64"))
    model.fit(x, y, batch_size=8, epochs=1, verbose=0)
    values, vectors = np.linalg.eigh(2.0 / 8.0 * x.T @ x)
    for value, vector in zip(values, vectors.T, strict=True):
        optimizer.pairs.push(*map(tf.constant, (vector, value * vector, value, value**2)))
    optimizer.learning_rate = 1.0
    model.fit(x, y, batch_size=8, epochs=1, verbose=0)
    best = np.linalg.lstsq(x, y, rcond=None)[0]
    np.testing.assert_allclose(flat(model.trainable_variables), best.ravel(), rtol=1e-8)


@pytest.mark.parametrize(
    ("variance_reduction", "micro_batch"),
    [("none", 1), ("none", 100), ("momentum", 3), ("svrg", 3), ("cached", 3), ("saga", 3), ("storm", 3)],
)
def test_micro_batches_give_the_same_iterates(float64, variance_reduction, micro_batch):
    whole, _ = train(SQGN(variance_reduction=variance_reduction))
    parts, _ = train(SQGN(variance_reduction=variance_reduction), micro_batch=micro_batch)
    np.testing.assert_allclose(flat(parts.trainable_variables), flat(whole.trainable_variables), atol=1e-9)


def test_exploding_loss_is_rolled_back(float64):
    """A learning rate of 50 without a cap explodes; the safeguard returns to sound weights and says so."""
    wild = {"learning_rate": 50.0, "max_step": None, "scaling": "common"}
    model, history = train(SQGN(**wild), epochs=20)
    _, unguarded = train(SQGN(**wild, safeguard=False), epochs=20)
    assert sum(history["rollbacks"]) > 0
    assert np.all(np.isfinite(flat(model.trainable_variables)))
    assert history["loss"][-1] < 1e6
    assert not np.isfinite(unguarded["loss"][-1]) or unguarded["loss"][-1] > 10.0 * history["loss"][-1]


@pytest.mark.parametrize("scaling", ["common", "gradient"])
def test_the_safeguard_changes_nothing_while_all_is_well(float64, scaling):
    guarded, free = (
        train(SQGN(scaling=scaling, max_step=None, safeguard=safeguard), epochs=10)[0] for safeguard in (True, False)
    )
    np.testing.assert_allclose(flat(guarded.trainable_variables), flat(free.trainable_variables), atol=1e-12)


def test_compiling_again_trains_the_new_optimizer(float64):
    """The full gradient of a second optimizer is its own, not one traced for the first."""
    x, y = tiny_data()
    model = tiny_network()
    for _ in range(2):
        model.compile(optimizer=SQGN(variance_reduction="svrg"), loss=MSE(dtype="float64"))
        w = flat(model.trainable_variables)
        model.fit(x, y, batch_size=4, epochs=1, verbose=0)
        np.testing.assert_array_equal(model.optimizer.estimator.snapshot, w)
        np.testing.assert_allclose(model.optimizer.estimator.mu, NumpyNetwork(model).at(w, x, y)[0], atol=1e-12)


def test_rows_are_written_in_place():
    """Neither a read nor a write copies the history or the table: their buffers stay where they are."""
    x, y = (a.astype("float32") for a in tiny_data())
    model = tiny_network()
    model.compile(optimizer=SQGN(variance_reduction="saga"), loss="mse")
    partition = Partition.of_arrays(x, y, 4)

    def buffers():
        matrices = model.optimizer.pairs.steps, model.optimizer.pairs.products, model.optimizer.estimator.table
        return [np.asarray(memoryview(tf.convert_to_tensor(m))).ctypes.data for m in matrices]

    model.fit(partition, epochs=1, verbose=0)
    before = buffers()
    model.fit(partition, epochs=2, verbose=0)
    assert buffers() == before


def test_the_step_limit_follows_the_next_gradient(float64):
    """One mini-batch of everything: the limit grows by 5 % with each step that it cut short and that led downhill.

    The very first step is none of these. Steps that are shorter than the limit leave it where it is; those that are too
    long let it shrink.
    """

    def limit(**options):
        x, y = tiny_data()
        model = tiny_network()
        model.compile(optimizer=SQGN(curvature_fraction=1.0, **options), loss=MSE(dtype="float64"))
        history = model.fit(x, y, batch_size=12, epochs=6, verbose=0).history
        return float(model.optimizer.guard.limit) if model.optimizer.guard else max(history["step_norm"])

    assert limit(max_step=1e-3) == pytest.approx(1e-3 * 1.05**4)
    assert limit(max_step=1e-3, weight_decay=0.1) == pytest.approx(1e-3 * 1.05**4)  # what decays is no part of a step
    assert limit(max_step=1e-3, learning_rate=1e-9) == pytest.approx(1e-3)
    assert limit(max_step=1e-3, safeguard=False) == pytest.approx(1e-3)
    assert limit(max_step=30.0, learning_rate=100.0) < 30.0


def test_pairs_without_curvature_are_refused(float64):
    """lambda = 0 and an output that does not depend on the weights: s'v = 0."""
    model = tiny_network()
    optimizer = SQGN(regularization=0.0)
    model.compile(optimizer=optimizer, loss=MSE(dtype="float64"))
    optimizer.build(model.trainable_variables)
    s = tf.ones(flat(model.trainable_variables).size, tf.float64)
    for v in (0.0 * s, -s, s * np.nan, s * np.inf):
        optimizer.learn_curvature(tf.constant(True), s, v)
    assert int(optimizer.pairs.written) == 0
    assert optimizer.diagnostics.report()["pairs_refused"] == 4
    optimizer.learn_curvature(tf.constant(True), s, s)
    assert int(optimizer.pairs.written) == 1


def test_logs_hold_the_diagnostics(float64, tmp_path):
    logger = keras.callbacks.CSVLogger(tmp_path / "history.csv")
    _, history = train(SQGN(variance_reduction="svrg"), callbacks=[logger])
    columns = (tmp_path / "history.csv").read_text().splitlines()[0].split(",")
    for name in ("gradient_norm", "step_norm", "curvature", "gamma", "pairs_refused", "rollbacks",
                 "seconds_gradient", "seconds_snapshot", "seconds_product", "seconds_direction"):  # fmt: skip
        assert name in columns
    assert min(history["seconds_snapshot"]) > 0.0
    assert min(history["curvature"]) > 0.0


def test_checkpoints_of_keras_hold_model_and_optimizer(tmp_path):
    x, y = (a.astype("float32") for a in tiny_data())
    saver = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras", save_freq="epoch")
    model, _ = train(SQGN(), 2, data=(x, y), loss="mse", callbacks=[saver])
    loaded = keras.saving.load_model(tmp_path / "2.keras")
    for ours, theirs in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_saved_model_goes_on_as_if_never_saved(tmp_path):
    """`.keras` files carry all of the optimizer's state: equal to the bit."""
    x, y = (a.astype("float32") for a in tiny_data())
    for variance_reduction in ESTIMATORS:
        whole, _ = train(SQGN(variance_reduction=variance_reduction), 4, data=(x, y), loss="mse")
        half, _ = train(SQGN(variance_reduction=variance_reduction), 2, data=(x, y), loss="mse")
        half.save(tmp_path / "half.keras")
        loaded = keras.saving.load_model(tmp_path / "half.keras")
        assert isinstance(loaded, SecondOrderModel)
        loaded.fit(Partition.of_arrays(x, y, 4), epochs=2, verbose=0)
        np.testing.assert_array_equal(flat(loaded.trainable_variables), flat(whole.trainable_variables))


def test_one_batch_can_be_trained_on():
    x, y = (a.astype("float32") for a in tiny_data())
    model, twin = tiny_network(), tiny_network()
    for network in (model, twin):
        network.compile(optimizer=SQGN(curvature_fraction=1.0), loss="mse")
    for _ in range(3):
        model.train_on_batch(x, y)
    twin.fit(x, y, batch_size=len(y), epochs=3, verbose=0)
    np.testing.assert_allclose(flat(model.trainable_variables), flat(twin.trainable_variables), atol=1e-5)


def test_one_optimizer_is_for_one_model():
    x, y = (a.astype("float32") for a in tiny_data())
    first, optimizer = tiny_network(), SQGN()
    for model in (first, tiny_network(seed=2)):
        model.compile(optimizer=optimizer, loss="mse")
        if model is first:
            model.fit(x, y, verbose=0)
            continue
        with pytest.raises(ValueError, match="other trainable variables"):
            model.fit(x, y, verbose=0)


def test_interrupted_fit_is_backed_up_and_restored(tmp_path):
    """Keras's BackupAndRestore: a fit that dies after two epochs, and one that goes on, end as one that did not."""
    x, y = (a.astype("float32") for a in tiny_data())

    class Die(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    def fit(*callbacks):
        backup = keras.callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)
        model, history = train(SQGN(), 4, data=(x, y), loss="mse", callbacks=[backup, *callbacks])
        return flat(model.trainable_variables), len(history["loss"])

    with pytest.raises(KeyboardInterrupt):
        fit(Die())
    resumed, epochs = fit()
    assert epochs == 2
    whole, _ = train(SQGN(), 4, data=(x, y), loss="mse")
    np.testing.assert_array_equal(resumed, flat(whole.trainable_variables))


def test_dropout_uses_one_mask_for_all_passes():
    """With the same mask in both passes, SVRG's correction at the snapshot itself cancels exactly."""
    inputs = keras.Input((6,))
    h = keras.layers.Dropout(0.5, seed=3)(keras.layers.Dense(8, activation="tanh")(inputs))
    model = SecondOrderModel(inputs, keras.layers.Dense(1)(h))
    optimizer = SQGN()
    model.compile(optimizer=optimizer, loss="mse")
    rng = np.random.default_rng(0)
    x, y = tf.constant(rng.normal(size=(9, 6)), "float32"), tf.constant(rng.normal(size=(9, 1)), "float32")
    w = [tf.convert_to_tensor(v) for v in model.trainable_variables]
    passes = tf.function(lambda: (model.passes.gradient(w, (x, y))[2], model.passes.gradient(w, (x, y))[2]))
    first, second = passes()
    np.testing.assert_array_equal(first, second)
    state = next(v for v in model.non_trainable_variables if v.name == "seed_generator_state")
    before = np.array(state)
    model.fit(x.numpy(), y.numpy(), batch_size=9, epochs=1, verbose=0)
    assert not np.array_equal(before, np.array(state))
    assert not np.array_equal(passes()[0], first)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_curvature_is_in_single_precision_under_mixed_precision(policy):
    x, y = (a.astype("float32") for a in tiny_data())

    def product(policy):
        keras.config.set_dtype_policy(policy)
        model = tiny_network()
        keras.config.set_dtype_policy("float32")
        model.compile(optimizer=SQGN(), loss="mse")
        s = tf.ones(flat(model.trainable_variables).size)
        data = tf.constant(x[:3]), tf.constant(y[:3])

        @tf.function
        def product():
            return model.passes.product([tf.convert_to_tensor(v) for v in model.trainable_variables], data, s)

        return model, product().numpy()

    model, mixed = product(policy)
    np.testing.assert_allclose(mixed, product("float32")[1], rtol=1e-5, atol=1e-6)
    assert model.layers[1].compute_dtype == policy.removeprefix("mixed_")
    model.fit(x, y, batch_size=4, epochs=2, verbose=0)


def test_bad_hyper_parameters_are_named():
    for parameter, value in {
        "learning_rate": -0.1, "history": -1, "regularization": -1.0, "curvature_interval": 0,
        "curvature_fraction": 0.0, "variance_reduction": "sarah", "full_gradient_interval": 0,
        "first_step": 0.0, "max_step": 0.0, "scaling": "diagonal",
    }.items():  # fmt: skip
        with pytest.raises(ValueError, match=parameter):
            SQGN(**{parameter: value})


def test_models_without_a_gauss_newton_matrix_are_refused():
    def model_with(*layers):
        inputs = h = keras.Input((4,))
        for layer in layers:
            h = layer(h)
        return SecondOrderModel(inputs, h)

    def compiled(*layers, **options):
        model = model_with(*layers)
        model.compile(**{"optimizer": SQGN(), "loss": "mse", **options})
        return model

    dense = keras.layers.Dense
    with pytest.raises(ValueError, match="statistics"):
        compiled(dense(2), keras.layers.BatchNormalization())
    with pytest.raises(ValueError, match="no trainable"):
        compiled(dense(2, trainable=False))
    for regularizer in (keras.regularizers.L1(0.1), keras.regularizers.L1L2(0.1, 0.1), "orthogonal_regularizer"):
        with pytest.raises(ValueError, match="only L2 is supported"):
            compiled(dense(2, kernel_regularizer=regularizer))
    with pytest.raises(ValueError, match="Hessian"):
        compiled(dense(2), loss="mae")
    with pytest.raises(ValueError, match="steps_per_execution"):
        compiled(dense(2), steps_per_execution=2)
    with pytest.raises(ValueError, match="run_eagerly"):
        compiled(dense(2), run_eagerly=True)
    with pytest.raises(ValueError, match="loss_weights"):
        compiled(dense(2), loss_weights=[2.0])
    inputs = keras.Input((4,))
    with pytest.raises(ValueError, match="several outputs"):
        SecondOrderModel(inputs, [dense(2)(inputs), dense(3)(inputs)]).compile(optimizer=SQGN(), loss="mse")
    with pytest.raises(ValueError, match="Hessian"):
        compiled(dense(2), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0))
    x, y = np.zeros((4, 4)), np.zeros((4, 2))
    with pytest.raises(ValueError, match="same number of samples"):
        compiled(dense(2)).fit(x, y[:3])
    with pytest.raises(ValueError, match="there is no y"):
        compiled(dense(2)).fit(x)
    with pytest.raises(ValueError, match="activity regularizers"):
        compiled(dense(2, activity_regularizer="l2")).fit(x, y, verbose=0)
    with pytest.raises(ValueError, match="passes over all data"):
        compiled(dense(2), optimizer=SQGN(variance_reduction="svrg")).train_on_batch(x, y)
    parts = SecondOrderModel(inputs, dense(2)(inputs), micro_batch=2)
    parts.compile(optimizer="adam", loss=keras.losses.Dice())
    with pytest.raises(ValueError, match="not one of each sample"):
        parts.fit(x, y, verbose=0)
    with pytest.raises(ValueError, match="same mini-batches"):
        compiled(dense(2), optimizer=SQGN(variance_reduction="saga")).fit(
            tf.data.Dataset.from_tensor_slices((x, y)).batch(2)
        )
    plain = keras.Sequential([keras.Input((4,)), dense(2)])
    plain.compile(optimizer=SQGN(), loss="mse")
    with pytest.raises(ValueError, match="SecondOrderModel"):
        plain.fit(x, y, verbose=0)


@pytest.mark.parametrize("micro_batch", [None, 5])
@pytest.mark.parametrize("weights", [None, np.linspace(0.0, 2.0, 12)])
def test_any_other_optimizer_trains_as_usual(float64, micro_batch, weights):
    """In mini-batches of 8 and 4, and in micro-batches of 5 and 3, then 4."""
    x, y = tiny_data()
    ends = []
    for options in ({"micro_batch": micro_batch}, {}):
        network = tiny_network()
        kind = SecondOrderModel if options else keras.Model
        model = kind(network.inputs, network.outputs, **options)
        model.compile(optimizer=keras.optimizers.Adam(1e-2), loss=MSE(dtype="float64"), metrics=["mae"])
        fit = {"batch_size": 8, "epochs": 5, "shuffle": False, "sample_weight": weights, "verbose": 0}
        history = model.fit(x, y, **fit).history
        ends.append(np.concatenate([flat(model.trainable_variables), history["loss"], history["mae"]]))
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-9)
    if micro_batch is not None:
        model = tiny_network(micro_batch=micro_batch)
        model.compile(optimizer="adam", loss="mse")
        with pytest.raises(ValueError, match="mean over the batch"):
            model.compile(optimizer="adam", loss=MSE(reduction="sum"))
