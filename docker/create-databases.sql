-- Read once by the postgres container, when its volume is new. The sweeps' database is made by
-- POSTGRES_DB; MLflow has tables of the same kind, and keeps them in a database of its own.
CREATE DATABASE mlflow;
