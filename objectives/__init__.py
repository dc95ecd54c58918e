"""What a trial does: data, audit, folds, views, features, model, stages, evaluation."""
