"""Engines that read the models of XGBoost, LightGBM, CatBoost and scikit-learn, each in one thread.

A peer is a class: `reads(entry)` says whether it takes the model; it is made from an entry and a
folder for what it builds; `call(rows)` gives a function without arguments that predicts these rows
and returns the predictions. `row_dtype`: the type of rows that it takes without a copy. `builds`:
it leaves something in the folder that it finds there the next time, which may take a compiler
minutes, or never end. What an engine cannot do is an exception; the table says which.
"""
import os
import pathlib
import signal
import subprocess
import sys

import numpy as np


class Peer:
    row_dtype, builds = np.float32, False


class WidePeer:
    row_dtype, builds = np.float64, False


def build(peer, entry, folder, seconds):
    """In a process of its own, which is killed when it takes too long. How long it was waited
    for in vain is kept in the folder: it is not waited for so long again."""
    stamp = pathlib.Path(folder) / f"{entry.name}_{peer.name.replace(' ', '_')}.unbuilt"
    waited = float(stamp.read_text()) if stamp.exists() else 0
    if waited < seconds:
        trees = pathlib.Path(__file__).with_name("trees.py")
        child = subprocess.Popen(
            [sys.executable, str(trees), "--models", entry.name, "--build", peer.name,
             "--work", str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)
        try:
            failed = child.wait(seconds)
            stamp.unlink(missing_ok=True)
            if failed:
                raise RuntimeError("does not build it: see bench/trees.py --build")
            return
        except subprocess.TimeoutExpired:
            kill(child)
            stamp.write_text(str(seconds))
            waited = seconds
    raise TimeoutError(f"not built within {waited:.0f} s")


def kill(child):
    """With its compilers, which are in its session."""
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()


class XGBoost(Peer):
    name, training_library = "XGBoost", True

    @staticmethod
    def reads(entry):
        return entry.family == "xgboost"

    def __init__(self, entry, folder):
        import xgboost
        self.booster = xgboost.Booster({"nthread": 1}, model_file=entry.file)

    def call(self, rows):
        return lambda: self.booster.inplace_predict(rows, validate_features=False)


class LightGBM(WidePeer):
    name, training_library = "LightGBM", True

    @staticmethod
    def reads(entry):
        return entry.family == "lightgbm"

    def __init__(self, entry, folder):
        import lightgbm
        self.booster = lightgbm.Booster(model_file=entry.file)

    def call(self, rows):
        rows = rows.astype(np.float64, copy=False)
        return lambda: self.booster.predict(rows, num_threads=1)


class CatBoost(Peer):
    """On a pool that is ready: it was given the rows before."""
    name, training_library = "CatBoost", True

    @staticmethod
    def reads(entry):
        return entry.family == "catboost"

    def __init__(self, entry, folder):
        import catboost
        self.model = catboost.CatBoostClassifier()
        self.model.load_model(str(entry.trained))

    def call(self, rows):
        import catboost
        pool = catboost.Pool(rows)
        return lambda: self.model.predict(pool, prediction_type="Probability",
                                          thread_count=1)[:, 1]


class ScikitLearn(Peer):
    name, training_library = "scikit-learn", True

    @staticmethod
    def reads(entry):
        return entry.family == "sklearn"

    def __init__(self, entry, folder):
        import joblib
        self.model = joblib.load(entry.trained)
        self.model.n_jobs = 1

    def call(self, rows):
        return lambda: self.model.predict_proba(rows)


class Lignum(WidePeer):
    name, training_library = "lignum", False

    @staticmethod
    def reads(entry):
        return entry.family != "sklearn"

    def __init__(self, entry, folder):
        import lignum
        self.model = lignum.load(str(entry.file))

    def call(self, rows):
        rows = rows.astype(np.float64, copy=False)
        return lambda: self.model.predict(rows, n_jobs=1)


class LignumCompiled(Lignum):
    name, builds = "lignum compiled", True

    def __init__(self, entry, folder):
        super().__init__(entry, folder)
        self.model.compile(work_dir=str(folder))


class OneDAL(Peer):
    name, training_library = "oneDAL", False

    @staticmethod
    def reads(entry):
        return not entry.categorical and entry.family != "sklearn"

    def __init__(self, entry, folder):
        import daal4py
        from daal4py.mb import convert_model
        daal4py.daalinit(1)
        if entry.family == "catboost":
            loaded = CatBoost(entry, folder).model
        else:
            loaded = (XGBoost if entry.family == "xgboost" else LightGBM)(entry, folder).booster
        self.model = convert_model(loaded)
        self.n_outputs = entry.n_outputs

    def call(self, rows):
        if self.n_outputs > 1:
            return lambda: self.model.predict_proba(rows)
        return lambda: self.model.predict_proba(rows)[:, 1]


class Treelite(Peer):
    name, training_library = "Treelite GTIL", False

    @staticmethod
    def reads(entry):
        return entry.family != "catboost"

    def __init__(self, entry, folder):
        import treelite
        if entry.family == "sklearn":
            self.model = treelite.sklearn.import_model(ScikitLearn(entry, folder).model)
        elif entry.family == "xgboost":
            self.model = treelite.frontend.load_xgboost_model(str(entry.file))
        else:
            self.model = treelite.frontend.load_lightgbm_model(str(entry.file))
        self.row_dtype = np.float32 if entry.family == "xgboost" else np.float64

    def call(self, rows):
        import treelite.gtil
        rows = rows.astype(self.row_dtype, copy=False)
        return lambda: np.squeeze(treelite.gtil.predict(self.model, rows, nthread=1))


class OnnxRuntime(Peer):
    name, training_library, builds = "ONNX Runtime", False, True

    @staticmethod
    def reads(entry):
        return not entry.categorical and entry.family != "catboost"

    @classmethod
    def convert(cls, entry, folder):
        """For a large model it takes longer than everything else."""
        if entry.family == "sklearn":
            return entry.file.read_bytes()
        file = folder / f"{entry.name}_converted.onnx"
        if not file.exists():
            part = file.with_suffix(".part")
            part.write_bytes(cls.converted(entry, folder))
            part.rename(file)
        return file.read_bytes()

    @staticmethod
    def converted(entry, folder):
        import onnxmltools
        from onnxmltools.convert.common.data_types import FloatTensorType
        types = [("x", FloatTensorType([None, entry.rows.shape[1]]))]
        loaded = (XGBoost if entry.family == "xgboost" else LightGBM)(entry, folder).booster
        if entry.family == "xgboost":
            model = onnxmltools.convert_xgboost(loaded, initial_types=types)
        else:
            model = onnxmltools.convert_lightgbm(loaded, initial_types=types, zipmap=False)
        return model.SerializeToString()

    def __init__(self, entry, folder):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(self.convert(entry, folder), options,
                                                    providers=["CPUExecutionProvider"])
        self.n_outputs = entry.n_outputs

    def call(self, rows):
        name = self.session.get_outputs()[-1].name
        if self.n_outputs > 1:
            return lambda: self.session.run([name], {"x": rows})[0]
        return lambda: self.session.run([name], {"x": rows})[0][:, -1]


class Lleaves(WidePeer):
    """Compiles by LLVM."""
    name, training_library, builds = "lleaves", False, True

    @staticmethod
    def reads(entry):
        return entry.family == "lightgbm"

    def __init__(self, entry, folder):
        import lleaves
        self.model = lleaves.Model(model_file=str(entry.file))
        self.model.compile(cache=folder / f"{entry.name}_lleaves.o")

    def call(self, rows):
        rows = rows.astype(np.float64, copy=False)
        return lambda: self.model.predict(rows, n_jobs=1)


class Tl2cgen(Peer):
    """Compiles C."""
    name, training_library, builds = "tl2cgen", False, True

    @staticmethod
    def reads(entry):
        return entry.family in ("xgboost", "lightgbm")

    def __init__(self, entry, folder):
        import tl2cgen
        model = Treelite(entry, folder).model
        library = folder / f"{entry.name}_tl2cgen.so"
        if not library.exists():
            tl2cgen.export_lib(model, toolchain="gcc", libpath=str(library),
                               params={"parallel_comp": 4})
        self.predictor = tl2cgen.Predictor(str(library), nthread=1)
        self.tl2cgen = tl2cgen
        self.row_dtype = np.float32 if entry.family == "xgboost" else np.float64

    def call(self, rows):
        matrix = self.tl2cgen.DMatrix(rows.astype(self.row_dtype, copy=False))
        return lambda: np.squeeze(self.predictor.predict(matrix))


PEERS = [XGBoost, LightGBM, CatBoost, ScikitLearn, Lignum, LignumCompiled, OneDAL, Treelite,
         OnnxRuntime, Lleaves, Tl2cgen]
