"""When training ends early: every rule by which a stage or a trial is stopped.

- :mod:`~objectives.stopping.early_stopping`: a stage that no longer improves.
- :mod:`~objectives.stopping.pruning`: a trial that is worse than the others at its epoch.
- :mod:`~objectives.stopping.rung`: which finished heads are worth fine-tuning.
- :mod:`~objectives.stopping.race`: a fine-tuning that has no chance left against the best one.
- :mod:`~objectives.stopping.divergence`: a trial whose loss or score is not a number.
- :mod:`~objectives.stopping.scoring_version`: which version of these rules a score is by.

The rules are plain functions of numbers. They are asked in `objectives/training/stages.py`
(stages, losses), `objectives/training/raced_stage.py` (races), `search/study/reporter.py` (trials,
scores, the time that is left) and `search/workers/shares.py` (who is fine-tuned).
"""
