-- What is read of the training rows that a version's answers are explained against; none of versions
-- that were made before.
ALTER TABLE model_version ADD COLUMN background bigint REFERENCES blob (id);
CREATE INDEX model_version_background ON model_version (background);
