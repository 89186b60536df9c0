"""What estimates of decay are compared on, and what NannyML 0.13 says of it: two classes, several
(CBPE), and regressions (DLE, with the trees that NannyML has grown).

    NML_DISABLE_USAGE_LOGGING=1 python tests/wire/decay_cases.py > tests/wire/decay_expected.json

needs nannyml, which the tests do not: they read what is recorded."""
import json
import re

import numpy as np

METRICS = ["roc_auc", "f1", "precision", "recall", "specificity", "accuracy"]
CASES = {  # how scores bend away from the truth, share of positives, decimals of scores, chunk
    "calibrated": (1.0, -0.5, None, 1000), "overconfident": (2.5, -0.5, None, 1500),
    "many_positives": (1.7, 1.5, None, 800), "ties": (1.6, 0.0, 2, 1000),
    "small": (1.0, 0.0, None, 150), "exact": (1.0, 0.2, None, 1200)}


def table(name, period):
    """(labels, scores) of a case; the current period has drifted."""
    bend, base, decimals, chunk = CASES[name]
    random = np.random.default_rng([len(name), int(bend * 10), period])
    n = 8 * chunk + (0 if period else chunk // 3)
    truth = random.normal(base - 0.4 * period, 1.2 - 0.3 * period, n)
    labels = (random.random(n) < 1 / (1 + np.exp(-truth))).astype(int)
    noise = 0 if name == "exact" else 0.3
    scores = 1 / (1 + np.exp(-bend * (truth + random.normal(0, noise, n))))
    return labels, scores if decimals is None else np.round(scores, decimals)


def told(result, metrics):
    """Of each chunk of the current rows, by metric."""
    return {metric: {key: [float(v) for v in result[metric][column]] for key, column in (
        ("estimated", "value"), ("sampling_error", "sampling_error"),
        ("low_threshold", "lower_threshold"), ("high_threshold", "upper_threshold"),
        ("alert", "alert"))} for metric in metrics}


def expected(name):
    """Of each chunk of the current rows: estimate, sampling error, thresholds."""
    import nannyml
    import pandas
    frames = []
    for period in (0, 1):
        labels, scores = table(name, period)
        frames.append(pandas.DataFrame({"y": labels, "p": scores,
                                        "said": (scores >= 0.5).astype(int)}))
    estimator = nannyml.CBPE(y_pred_proba="p", y_pred="said", y_true="y", metrics=METRICS,
                             problem_type="classification_binary", chunk_size=CASES[name][3])
    estimator.fit(frames[0])
    result = estimator.estimate(frames[1][["p", "said"]]).filter(period="analysis").to_df()
    return {"calibrated": bool(estimator.needs_calibration), "metrics": told(result, METRICS)}


# ---- several classes ----

CLASSES = {  # how many, how scores bend away from the truth, whether texts, chunk; they bend so far
    # that calibration gains whatever order NumPy's sort leaves equal scores in
    "three": (3, 1.5, True, 900), "overconfident": (3, 2.2, True, 700),
    "numbers": (4, 0.6, False, 1000), "rare": (5, 1.5, True, 1200)}


def class_names(name):
    n, _, is_text, _ = CLASSES[name]
    return [f"kind {chr(97 + k)}" if is_text else k for k in range(n)]


def class_table(name, period):
    """(labels, scores by class) of a case; the current period has drifted."""
    n_classes, bend, _, chunk = CLASSES[name]
    random = np.random.default_rng([len(name), n_classes, period])
    n = 6 * chunk + (0 if period else chunk // 3)
    margins = random.normal(0, 1.5 - 0.5 * period, (n, n_classes))
    margins[:, 0] -= 1.5 if name == "rare" else 0

    def shares(of):
        powers = np.exp(of - of.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)
    steps = shares(margins).cumsum(axis=1)
    truth = np.minimum((random.random((n, 1)) > steps).sum(axis=1), n_classes - 1)
    labels = [class_names(name)[k] for k in truth]
    return labels, shares(bend * (margins + random.normal(0, 0.3, margins.shape)))


def expected_classes(name):
    import nannyml
    import pandas
    frames = []
    for period in (0, 1):
        labels, scores = class_table(name, period)
        frame = pandas.DataFrame({f"p{k}": scores[:, k] for k in range(scores.shape[1])})
        frame["y"] = labels
        frame["said"] = [class_names(name)[k] for k in scores.argmax(axis=1)]
        frames.append(frame)
    columns = {c: f"p{k}" for k, c in enumerate(class_names(name))}
    estimator = nannyml.CBPE(y_pred_proba=columns, y_pred="said", y_true="y", metrics=METRICS,
                             problem_type="classification_multiclass", chunk_size=CLASSES[name][3])
    estimator.fit(frames[0])
    result = estimator.estimate(frames[1].drop(columns="y")).filter(period="analysis").to_df()
    return {"metrics": told(result, METRICS)}


# ---- regressions ----

LOSSES = ["mae", "mape", "mse", "rmse", "msle", "rmsle"]
REGRESSIONS = {  # chunk, share of predictions that are missing a feature
    "plain": (500, 0), "with_gaps": (800, 0.1), "with_texts": (700, 0)}


def regression_table(name, period):
    """Columns of a case: the noise grows with a, and a has moved in the current period."""
    chunk, gaps = REGRESSIONS[name]
    random = np.random.default_rng([len(name), period])
    n = 6 * chunk + (0 if period else chunk // 4)
    a, b = random.uniform(0.2 * period, 1 + 0.4 * period, n), random.normal(0, 1, n)
    kind = random.integers(0, 3, n)
    truth = 20 + 6 * a + b
    y = np.maximum(truth + random.normal(0, 0.3 + 2 * a + (kind if name == "with_texts" else 0), n),
                   0.5)
    prediction = np.maximum(truth + random.normal(0, 0.2, n), 0)
    a[random.random(n) < gaps] = np.nan
    table = {"a": a, "b": b, "prediction": prediction, "y": y}
    if name == "with_texts":
        table = {"kind": np.array(["blue", "green", "red"])[kind], **table}
    return table


def expected_losses(name):
    """With the trees of each loss: four losses, few small trees, for they are kept here."""
    import nannyml
    import pandas
    frames = [pandas.DataFrame(regression_table(name, period)) for period in (0, 1)]
    features = [c for c in frames[0].columns if c not in ("y", "prediction")]
    estimator = nannyml.DLE(feature_column_names=features, y_pred="prediction", y_true="y",
                            metrics=LOSSES, chunk_size=REGRESSIONS[name][0],
                            hyperparameters={"n_estimators": 6, "num_leaves": 5, "verbose": -1,
                                             "learning_rate": 0.3})
    estimator.fit(frames[0])
    result = estimator.estimate(frames[1].drop(columns="y")).filter(period="analysis").to_df()
    models = {metric.column_name: re.sub(r"\nparameters:.*?end of parameters\n", "",
                                         metric._dee_model.booster_.model_to_string(), flags=re.S)
              for metric in estimator.metrics if not metric.column_name.startswith("rm")}
    return {"metrics": told(result, LOSSES), "models": models}


if __name__ == "__main__":
    print(json.dumps({**{name: expected(name) for name in CASES},
                      "classes": {name: expected_classes(name) for name in CLASSES},
                      "losses": {name: expected_losses(name) for name in REGRESSIONS}}, indent=0))
