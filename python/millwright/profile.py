"""Training profiles: what the columns of a data set were, without its rows.

The form and every number are those of `mw data profile` (docs/reference/profile.md), made of what is
in a notebook already. A server that serves the model watches its traffic against it.
"""
import json
import math
import pathlib
import tempfile

import numpy

PATH = "millwright/profile.json"  # in a model's folder
QUANTILES, DECILES, CATEGORIES = 101, 10, 1000


class ProfileError(ValueError):
    """What is wrong with the data, in which column, and what to do."""


def _columns(data):
    """(name, values) of a DataFrame, or of a mapping of names to sequences."""
    if hasattr(data, "to_pandas"):  # polars, pyarrow
        data = data.to_pandas()
    if not hasattr(data, "keys"):
        raise ProfileError("the data have no names of columns: give a DataFrame, or a dict of "
                           "name: values")
    for name in data.keys():
        yield str(name), data[name]


def _is_missing(value):
    """None, NaN, and pandas' NaT and NA, which is neither equal nor unequal to itself."""
    try:
        return value is None or bool(value != value)
    except TypeError:
        return True


def _text_of(value):
    """As a request would write it: whole numbers without a point."""
    if isinstance(value, (bool, numpy.bool_)):
        return str(bool(value)).lower()
    if isinstance(value, (int, numpy.integer)):
        return str(int(value))
    if isinstance(value, (float, numpy.floating)):
        return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(
            float(value))
    return str(value)


def _numbers_of(name, values):
    """float64, NaN where missing; None: they are texts."""
    kind = getattr(values, "dtype", None)
    if str(kind) == "category":
        return None
    if hasattr(values, "to_numpy") and str(kind)[:1] in "IUFb":  # pandas' Int64, Float64, boolean
        return values.to_numpy(dtype="float64", na_value=math.nan)
    array = numpy.asarray(values)
    if array.ndim != 1:
        raise ProfileError(f"column {name!r} has rows of several values: make a column of each")
    if array.dtype.kind in "mM":
        raise ProfileError(f"column {name!r} holds times: leave it out, or make numbers of them, as "
                           "the model gets them")
    if array.dtype.kind in "buif":
        return array.astype(numpy.float64)
    present = [value for value in array.tolist() if not _is_missing(value)]
    if present and all(isinstance(value, (bool, int, float, numpy.number)) for value in present):
        return numpy.array([math.nan if _is_missing(v) else float(v) for v in array.tolist()])
    return None


def _moments(values):
    """Mean, deviation, skewness and excess kurtosis over n; None where undefined."""
    mean = values.mean()
    apart = values - mean
    variance = (apart ** 2).mean()
    if not variance > 0:
        return mean, 0.0, None, None
    return (mean, math.sqrt(variance), (apart ** 3).mean() / variance ** 1.5,
            (apart ** 4).mean() / variance ** 2 - 3)


def _bins(values, deciles):
    """Right-closed: what is below all values, the deciles, what is above."""
    edges = [numpy.nextafter(values[0], -math.inf)]
    for edge in [*deciles, values[-1]]:
        if edge > edges[-1]:
            edges.append(edge)
    below = numpy.searchsorted(values, edges, side="right")
    return edges, numpy.diff(numpy.concatenate(([0], below, [len(values)])))


def _number(value):
    return None if value is None or not math.isfinite(value) else float(value)


def _of_numbers(values):
    missing = numpy.isnan(values)
    infinite = numpy.isinf(values)
    finite = numpy.sort(values[~(missing | infinite)])
    column = {"count": len(finite), "missing": int(missing.sum()), "infinite": int(infinite.sum()),
              "distinct": int(len(numpy.unique(finite)))}
    keys = ("mean", "deviation", "skewness", "kurtosis", "median", "mad", "low", "high")
    if len(finite) == 0:
        return {**column, **dict.fromkeys(keys)}
    quantiles = numpy.quantile(finite, numpy.arange(QUANTILES) / (QUANTILES - 1))
    deciles = numpy.quantile(finite, numpy.arange(1, DECILES) / DECILES)
    median = numpy.quantile(finite, 0.5)
    edges, counts = _bins(finite, deciles)
    told = (*_moments(finite), median, numpy.quantile(numpy.abs(finite - median), 0.5),
            *numpy.quantile(finite, (0.001, 0.999)))
    return {**column, **{key: _number(value) for key, value in zip(keys, told)},
            "quantiles": [float(value) for value in quantiles],
            "edges": [float(edge) for edge in edges], "counts": [int(n) for n in counts]}


def _of_texts(values):
    rows, missing = {}, 0
    for value in list(values):
        if _is_missing(value):
            missing += 1
        else:
            text = _text_of(value)
            rows[text] = rows.get(text, 0) + 1
    ranked = sorted(rows.items(), key=lambda item: (-item[1], item[0]))
    return {"count": sum(rows.values()), "missing": missing, "infinite": 0, "distinct": len(rows),
            "categories": [[text, n] for text, n in ranked[:CATEGORIES]],
            "others": sum(n for _, n in ranked[CATEGORIES:])}


def _named(names, wanted, what):
    wanted = [wanted] if isinstance(wanted, str) else list(wanted or [])
    for name in wanted:
        if name not in names:
            raise ProfileError(f"{what}: the data have no column {name!r}; there are "
                               + ", ".join(map(repr, names)))
    return set(wanted)


def profile(data, label=None, categorical=None, columns=None, source="python"):
    """The training profile of `data` as a dict.

    data         a DataFrame (pandas, polars), a pyarrow table, or a dict of name: values
    label        name, or names, of what was to be predicted: no input of the model
    categorical  names of columns of numbers that stand for categories
    columns      only these; default: all
    source       where the rows came from, for people

    Values are taken as the model takes them: True and False as 1 and 0, None and NaN as missing.
    Raises ProfileError: a name that is not there, a column of times or of lists.
    """
    found = list(_columns(data))
    names = [name for name, _ in found]
    if len(set(names)) != len(names):
        raise ProfileError("two columns have the same name")
    labels, categories = _named(names, label, "label"), _named(names, categorical, "categorical")
    wanted = _named(names, columns, "columns") or set(names)
    told, n_rows = [], set()
    for name, values in found:
        n_rows.add(len(values))
        if name not in wanted:
            continue
        numbers = None if name in categories else _numbers_of(name, values)
        body = _of_texts(values) if numbers is None else _of_numbers(numbers)
        told.append({"name": name, "kind": "category" if numbers is None else "number",
                     "role": "label" if name in labels else "input", **body})
    if len(n_rows) > 1:
        raise ProfileError("the columns are of different lengths")
    return {"format": "millwright-profile", "version": 1, "source": str(source),
            "rows": n_rows.pop() if n_rows else 0, "columns": told}


def _write(path, made):
    pathlib.Path(path).write_text(json.dumps(made, allow_nan=False) + "\n", encoding="utf-8")


def write_profile(path, data, **options):
    """profile(data, **options) as a file, for `mw serve --reference` and `mw drift check --ref`."""
    _write(path, profile(data, **options))


# ---- beside a model of a record ------------------------------------------------------------------


def _place_of(client, model):
    """("model", id) or ("run", run id, path) of what log_model returned, or of an address."""
    identity = getattr(model, "model_id", None)
    if identity:
        return "model", identity
    address = getattr(model, "model_uri", model)
    if not isinstance(address, str):
        raise ProfileError("give what log_model returned, or an address: models:/NAME/VERSION, "
                           "models:/NAME@ALIAS, models:/m-ID, runs:/RUN_ID/PATH")
    scheme, _, rest = address.partition(":/")
    rest = rest.lstrip("/")
    if scheme == "runs" and "/" in rest:
        run, _, path = rest.partition("/")
        return "run", run, path
    if scheme == "models" and rest.startswith("m-") and "/" not in rest:
        return "model", rest
    if scheme == "models" and "@" in rest:
        name, _, alias = rest.rpartition("@")
        return _place_of(client, client.get_model_version_by_alias(name, alias).source)
    if scheme == "models" and "/" in rest:
        name, _, version = rest.rpartition("/")
        return _place_of(client, client.get_model_version(name, version).source)
    raise ProfileError(f"{address!r} names no model of a record: models:/NAME/VERSION, "
                       "models:/NAME@ALIAS, models:/m-ID, runs:/RUN_ID/PATH")


def log_profile(model, data, **options):
    """Keep profile(data, **options) with a model: what serves it watches against it.

    model  what mlflow.<flavor>.log_model returned, or models:/NAME/VERSION, models:/NAME@ALIAS,
           models:/m-ID, runs:/RUN_ID/PATH

    Goes through MLflow's client, to where mlflow.set_tracking_uri points. Returns the profile.
    """
    import mlflow  # only here: a profile can be made without it

    made = profile(data, **options)
    client = mlflow.MlflowClient()
    place = _place_of(client, model)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, PATH)
        path.parent.mkdir()
        _write(path, made)
        if place[0] == "model":
            client.log_model_artifacts(place[1], folder)
        else:
            client.log_artifact(place[1], str(path), f"{place[2]}/{path.parent.name}")
    return made
