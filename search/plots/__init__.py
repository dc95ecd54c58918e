"""Figures of a sweep in Plotly, made of plain data: an Optuna study, or a table.

``study_figures`` draws a study by Optuna's own functions, ``sweep_figures`` the tables of
``search.trial_table``, ``prediction_figures`` those of ``search.prediction_table``. Nothing here
reads a storage, so a page or a notebook may draw whatever it has.
"""
