"""Makes the MLflow registry that the tests import: by MLflow itself, with its database and artifacts.

Run it where MLflow 3, scikit-learn, skops and XGBoost are installed, then copy the folder to tests/data/mlflow:

    python tests/data/make_mlflow.py /srv/mlflow

The folder is written into the database, so it should be one that no machine has; whoever imports says where the files
are now.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from xgboost import XGBClassifier

warnings.filterwarnings("ignore")
ROWS = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 2)), columns=["age", "visits"])
LEFT = (ROWS["age"] > 0).astype(int)


#: A model of nobody's library.
DOUBLED = """
import mlflow


class Doubled(mlflow.pyfunc.PythonModel):
    def predict(self, model_input: list[float]) -> list[float]:
        return [2 * each for each in model_input]


mlflow.models.set_model(Doubled())
"""


def churn(client: mlflow.MlflowClient, folder: Path) -> None:
    """Versions of every kind: pickled, skops, XGBoost, as MLflow 2 kept them, and three that cannot be brought in."""
    data = mlflow.data.from_pandas(ROWS, name="january")
    with mlflow.start_run(run_name="pipeline"):
        mlflow.log_params({"C": 0.5, "solver": "lbfgs", "max_iter": 100, "warm_start": False})
        mlflow.log_metric("accuracy_score", 0.80, step=0)
        mlflow.log_metric("accuracy_score", 0.91, step=1)
        mlflow.log_metrics({"roc_auc": 0.95, "f1_score": 0.9, "training_accuracy_score": 0.99, "val/loss": 0.31})
        mlflow.log_metrics({"log_loss": float("nan"), "recall": 93.0})
        mlflow.log_input(data, context="training")
        mlflow.log_input(mlflow.data.from_pandas(ROWS[:10], name="holdout"), context="evaluation")
        mlflow.set_tag("team", "growth")
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.5)).fit(ROWS, LEFT)
        log_sklearn(model, "Churn", "cloudpickle")
    client.set_model_version_tag("Churn", "1", "reviewed", "yes")
    client.update_model_version("Churn", "1", "the first that was any good")
    with mlflow.start_run(run_name="skops"):
        mlflow.log_metrics({"accuracy": 0.93, "auc": 0.96, "f1_score": 0.92})
        log_sklearn(LogisticRegression().fit(ROWS, LEFT), "Churn", "skops")
    with mlflow.start_run(run_name="boosted"):
        mlflow.log_metrics({"accuracy": 0.94})
        boosted = XGBClassifier(n_estimators=2, max_depth=2).fit(ROWS, LEFT)
        mlflow.xgboost.log_model(
            boosted, name="model", signature=infer_signature(ROWS, boosted.predict(ROWS)), registered_model_name="Churn"
        )
    with mlflow.start_run(run_name="as before") as run, TemporaryDirectory() as aside:
        # The layout of MLflow 2: below the run, and the version's source is that path.
        mlflow.sklearn.save_model(
            LogisticRegression(C=2.0).fit(ROWS, LEFT), f"{aside}/model", serialization_format="pickle"
        )
        mlflow.log_artifacts(f"{aside}/model", "model")
        mlflow.log_metric("accuracy", 0.9)
        client.create_model_version("Churn", f"{run.info.artifact_uri}/model", run.info.run_id)
    with mlflow.start_run(run_name="custom"):
        # Its path is written down as well.
        code = folder / "doubled.py"
        code.write_text(DOUBLED)
        mlflow.pyfunc.log_model(name="model", python_model=code, registered_model_name="Churn")
        code.unlink()
    with mlflow.start_run(run_name="a function of its own"):
        log_sklearn(
            make_pipeline(FunctionTransformer(lambda rows: rows), LogisticRegression()).fit(ROWS, LEFT),
            "Churn",
            "cloudpickle",
        )
    client.create_model_version("Churn", "s3://bucket/churn/7")
    client.set_registered_model_alias("Churn", "champion", "2")
    client.set_registered_model_alias("Churn", "challenger", "3")
    client.set_registered_model_alias("Churn", "Spring_2026", "2")


def prices(client: mlflow.MlflowClient) -> None:
    """A regression under a name with a space, with the stages of MLflow 2."""
    for slope in (1.0, 2.0):
        with mlflow.start_run():
            mlflow.log_metrics({"mean_squared_error": 4.0, "root_mean_squared_error": 2.0, "r2_score": 0.5})
            log_sklearn(LinearRegression().fit(ROWS, slope * ROWS["age"]), "House Prices", "skops")
    client.transition_model_version_stage("House Prices", "1", "Archived")
    client.transition_model_version_stage("House Prices", "2", "Production")


def log_sklearn(model: Any, name: str, how: str) -> None:
    mlflow.sklearn.log_model(
        model,
        name="model",
        signature=infer_signature(ROWS, model.predict(ROWS)),
        input_example=ROWS[:2],
        registered_model_name=name,
        serialization_format=how,
    )


def main(folder: Path) -> None:
    folder.mkdir(parents=True)
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.sqlite")
    client = mlflow.MlflowClient()
    client.create_experiment("churn", artifact_location=f"{folder}/mlruns/1")
    mlflow.set_experiment("churn")
    churn(client, folder)
    prices(client)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
