"""What estimates of decay are compared on, and what NannyML 0.13 says of it.

    NML_DISABLE_USAGE_LOGGING=1 python tests/wire/decay_cases.py > tests/wire/decay_expected.json

needs nannyml, which the tests do not: they read what is recorded."""
import json

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
    return {"calibrated": bool(estimator.needs_calibration), "metrics": {
        metric: {key: [float(v) for v in result[metric][column]] for key, column in (
            ("estimated", "value"), ("sampling_error", "sampling_error"),
            ("low_threshold", "lower_threshold"), ("high_threshold", "upper_threshold"),
            ("alert", "alert"))} for metric in METRICS}}


if __name__ == "__main__":
    print(json.dumps({name: expected(name) for name in CASES}, indent=0))
