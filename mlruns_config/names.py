"""Every name under which foldsweep writes to MLflow: tags, metrics, params, aliases."""

PREFIX = "foldsweep."

# Tags of runs; versions of registered models carry those that fit.
TAG_KEY = PREFIX + "key"
"""What makes a run the run of one trial; see ``Outbox.open_run``."""
TAG_OPENED_MS = PREFIX + "opened_ms"
"""When the latest attempt at the trial began, in milliseconds since 1970."""
TAG_SWEEP = PREFIX + "sweep"
TAG_SWEEP_ID = PREFIX + "sweep_id"
TAG_TRIAL = PREFIX + "trial"
TAG_FINGERPRINT = PREFIX + "data_fingerprint"
TAG_FOLD_HASH = PREFIX + "fold_hash"
TAG_SEED = PREFIX + "seed"
TAG_VERSIONS = PREFIX + "versions"
TAG_DEVICE = PREFIX + "device"
TAG_WORKER = PREFIX + "worker"
TAG_PAIR = PREFIX + "pair"
TAG_STATE = PREFIX + "state"
"""How the trial ended: ``complete``, ``pruned`` or ``failed``."""
TAG_REASON = PREFIX + "reason"
"""Why the trial ended early or failed."""
TAG_KIND = PREFIX + "kind"
"""``promotion`` on the run of a promotion; trials have none."""
TAG_MODEL = PREFIX + "model"
TAG_CLASS_NAMES = PREFIX + "class_names"
"""JSON, in the order of the model's outputs."""
TAG_MODEL_SHA256 = PREFIX + "model_sha256"
"""Digest of the Keras file: what is loaded from the registry must have it."""
TAG_IMAGE_PX = PREFIX + "image_px"
TAG_HOLDOUT = PREFIX + "holdout"
"""JSON of the scores on the holdout, each with its interval."""
TAG_LOOKS = PREFIX + "looks"
"""How often this holdout had been looked at, this time included."""
TAG_GATE = PREFIX + "gate"
"""``passed``, ``failed`` or ``forced``; the figures stand in the reason."""
TAG_VERIFIED = PREFIX + "verified"
"""``yes`` once a process without foldsweep has given the same predictions."""
TAG_GIT_COMMIT = "mlflow.source.git.commit"
"""MLflow's own name, so that its UI links the commit."""
TAG_NOTE = "mlflow.note.content"
"""MLflow's own name: Markdown that the UI shows as the description."""

# Params: those of the trial stand under their own names, those of the sweep behind this prefix.
PARAM_SWEEP_PREFIX = "sweep."

# Summary metrics, one value a run: what one sorts the list of runs by.
METRIC_SCORE = "score"
METRIC_CLEAN = "clean"
METRIC_SHIFTED = "shifted"
METRIC_SECONDS = "seconds"
SYSTEM_PREFIX = "system/"
"""MLflow's own prefix: its UI shows these on a page of their own."""

ALIAS_CHAMPION = "champion"
DATASET_CONTEXT = "training"


def stage_metric(stage: str, name: str) -> str:
    """Name the mean over the folds, such as ``head/clean``; the UI groups charts by stage."""
    return f"{stage}/{name}"


def fold_metric(stage: str, fold: int, name: str) -> str:
    """Name the value of one fold, such as ``head/clean_fold_2``."""
    return f"{stage}/{name}_fold_{fold}"
