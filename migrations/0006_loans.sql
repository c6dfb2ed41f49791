-- Credit policies. A version is never changed: a new one gets the next number.
CREATE TABLE policy (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project text NOT NULL REFERENCES project (name),
    name text NOT NULL,
    last_version integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (project, name)
);
CREATE TABLE policy_version (
    policy bigint NOT NULL REFERENCES policy (id),
    version integer NOT NULL CHECK (version > 0),
    terms json NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by uuid NOT NULL REFERENCES key (id),
    PRIMARY KEY (policy, version)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON policy_version
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Decisions on applicants, as they were given: rows as they were sent, json as it was written.
CREATE TABLE assessment (
    id uuid PRIMARY KEY,
    project text NOT NULL REFERENCES project (name),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    key uuid NOT NULL REFERENCES key (id),
    policy bigint NOT NULL,
    policy_version integer NOT NULL,
    model bigint NOT NULL,
    version integer NOT NULL,
    rows json NOT NULL,
    assessments json NOT NULL,
    basis json,
    FOREIGN KEY (policy, policy_version) REFERENCES policy_version (policy, version),
    FOREIGN KEY (model, version) REFERENCES model_version (model, version)
);
CREATE INDEX assessment_version ON assessment (model, version);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON assessment
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
