-- What recorded predictions refer to. It is held here once, where each of them would look it up for itself:
-- three look-ups took the database longer than to write the record.
CREATE TABLE prediction_reference (
    model bigint NOT NULL,
    version integer NOT NULL,
    key uuid NOT NULL REFERENCES key (id),
    project text NOT NULL REFERENCES project (name),
    PRIMARY KEY (model, version, key),
    FOREIGN KEY (model, version) REFERENCES model_version (model, version)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON prediction_reference
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
INSERT INTO prediction_reference (model, version, key, project)
    SELECT DISTINCT model, version, key, project FROM prediction;
ALTER TABLE prediction
    DROP CONSTRAINT prediction_project_fkey,
    DROP CONSTRAINT prediction_key_fkey,
    DROP CONSTRAINT prediction_model_version_fkey;
-- It told whether a version has predictions.
DROP INDEX prediction_version;
