"""What people read in MLflow besides numbers: a trial's description, and the page of a sweep."""
