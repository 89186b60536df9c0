"""Helpers for notebooks and training scripts that keep their models with Millwright.

    import millwright

    info = mlflow.xgboost.log_model(booster, name="model", registered_model_name="late")
    millwright.log_profile(info, rows, label="late")

The rest is MLflow's own client: point mlflow.set_tracking_uri at the server.
"""
from .profile import ProfileError, log_profile, profile, write_profile

__all__ = ["ProfileError", "log_profile", "profile", "write_profile"]
__version__ = "0.1.0"
