-- What was found of a model's versions over the rows of datasets. It stays when these are deleted, whose
-- numbers are never given twice; json, not jsonb, keeps every number as it was written.
CREATE TABLE analysis (
    id uuid PRIMARY KEY,
    model bigint NOT NULL REFERENCES model (id),
    version integer NOT NULL CHECK (version > 0),
    kind text NOT NULL,
    dataset text NOT NULL,
    dataset_version integer NOT NULL CHECK (dataset_version > 0),
    rows bigint NOT NULL,
    request json NOT NULL,
    result json NOT NULL,
    warnings json NOT NULL,
    job uuid NOT NULL UNIQUE REFERENCES job (id),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX analysis_list ON analysis (model, id DESC);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON analysis
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
