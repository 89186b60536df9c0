"""Engines that read the models of XGBoost and LightGBM, each in one thread.

A peer is a class: `reads(entry)` says whether it takes the model; it is made from an entry and a
folder for what it builds; `call(rows)` gives a function without arguments that predicts these rows
and returns the predictions. What an engine cannot do is an exception; the table says which.
"""
import numpy as np


class XGBoost:
    name, training_library = "XGBoost", True

    @staticmethod
    def reads(entry):
        return entry.family == "xgboost"

    def __init__(self, entry, folder):
        import xgboost
        self.booster = xgboost.Booster({"nthread": 1}, model_file=entry.file)

    def call(self, rows):
        return lambda: self.booster.inplace_predict(rows, validate_features=False)


class LightGBM:
    name, training_library = "LightGBM", True

    @staticmethod
    def reads(entry):
        return entry.family == "lightgbm"

    def __init__(self, entry, folder):
        import lightgbm
        self.booster = lightgbm.Booster(model_file=entry.file)

    def call(self, rows):
        rows = rows.astype(np.float64)
        return lambda: self.booster.predict(rows, num_threads=1)


class Lignum:
    name, training_library = "lignum", False

    @staticmethod
    def reads(entry):
        return True

    def __init__(self, entry, folder):
        import lignum
        self.model = lignum.load(str(entry.file))

    def call(self, rows):
        rows = rows.astype(np.float64)
        return lambda: self.model.predict(rows, n_jobs=1)


class LignumCompiled(Lignum):
    name = "lignum compiled"

    def __init__(self, entry, folder):
        super().__init__(entry, folder)
        self.model.compile(work_dir=str(folder))


class OneDAL:
    name, training_library = "oneDAL", False

    @staticmethod
    def reads(entry):
        return not entry.categorical

    def __init__(self, entry, folder):
        import daal4py
        from daal4py.mb import convert_model
        daal4py.daalinit(1)
        loaded = (XGBoost if entry.family == "xgboost" else LightGBM)(entry, folder)
        self.model = convert_model(loaded.booster)
        self.n_outputs = entry.n_outputs

    def call(self, rows):
        if self.n_outputs > 1:
            return lambda: self.model.predict_proba(rows)
        return lambda: self.model.predict_proba(rows)[:, 1]


class Treelite:
    name, training_library = "Treelite GTIL", False

    @staticmethod
    def reads(entry):
        return True

    def __init__(self, entry, folder):
        import treelite
        load = (treelite.frontend.load_xgboost_model if entry.family == "xgboost"
                else treelite.frontend.load_lightgbm_model)
        self.model = load(str(entry.file))
        self.dtype = np.float32 if entry.family == "xgboost" else np.float64

    def call(self, rows):
        import treelite.gtil
        rows = rows.astype(self.dtype)
        return lambda: np.squeeze(treelite.gtil.predict(self.model, rows, nthread=1))


class OnnxRuntime:
    name, training_library = "ONNX Runtime", False

    @staticmethod
    def reads(entry):
        return not entry.categorical

    def __init__(self, entry, folder):
        import onnxmltools
        import onnxruntime
        from onnxmltools.convert.common.data_types import FloatTensorType
        types = [("x", FloatTensorType([None, entry.rows.shape[1]]))]
        loaded = (XGBoost if entry.family == "xgboost" else LightGBM)(entry, folder)
        if entry.family == "xgboost":
            model = onnxmltools.convert_xgboost(loaded.booster, initial_types=types)
        else:
            model = onnxmltools.convert_lightgbm(loaded.booster, initial_types=types,
                                                 zipmap=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                                    providers=["CPUExecutionProvider"])
        self.n_outputs = entry.n_outputs

    def call(self, rows):
        name = self.session.get_outputs()[-1].name
        if self.n_outputs > 1:
            return lambda: self.session.run([name], {"x": rows})[0]
        return lambda: self.session.run([name], {"x": rows})[0][:, -1]


class Tl2cgen:
    """Compiles C, which takes gcc very long for large models: only where that ends in a minute."""
    name, training_library = "tl2cgen", False

    @staticmethod
    def reads(entry):
        return entry.name in ("S", "SL")

    def __init__(self, entry, folder):
        import tl2cgen
        model = Treelite(entry, folder).model
        library = folder / f"{entry.name}_tl2cgen.so"
        if not library.exists():
            tl2cgen.export_lib(model, toolchain="gcc", libpath=str(library),
                               params={"parallel_comp": 4})
        self.predictor = tl2cgen.Predictor(str(library), nthread=1)
        self.tl2cgen, self.dtype = tl2cgen, np.float32 if entry.family == "xgboost" else np.float64

    def call(self, rows):
        matrix = self.tl2cgen.DMatrix(rows.astype(self.dtype))
        return lambda: np.squeeze(self.predictor.predict(matrix))


PEERS = [XGBoost, LightGBM, Lignum, LignumCompiled, OneDAL, Treelite, OnnxRuntime, Tl2cgen]
