-- The first schema. Migrations are only ever added to.

CREATE TABLE project (
    name text PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO project (name) VALUES ('default');

-- Keys: only the SHA-256 of a secret is kept.
CREATE TABLE key (
    id uuid PRIMARY KEY,
    project text NOT NULL REFERENCES project (name),
    name text NOT NULL,
    prefix text NOT NULL,
    sha256 bytea NOT NULL UNIQUE CHECK (length(sha256) = 32),
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz
);
-- The operator, who owns the machine: no text has this hash, so nobody can use it as a key.
INSERT INTO key (id, project, name, prefix, sha256, scopes, revoked_at)
VALUES ('00000000-0000-0000-0000-000000000001', 'default', 'operator', '',
    decode(repeat('00', 32), 'hex'), '{}', now());

-- Blobs are immutable bytes, found by their SHA-256, cut into chunks of 1 MiB. A blob has no
-- hash while it is being written.
CREATE TABLE blob (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    sha256 bytea UNIQUE CHECK (length(sha256) = 32),
    size bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE blob_chunk (
    blob bigint NOT NULL REFERENCES blob (id) ON DELETE CASCADE,
    position integer NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (blob, position)
);
-- Weights and zstd Parquet do not compress further.
ALTER TABLE blob_chunk ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE TABLE job (
    id uuid PRIMARY KEY,
    project text NOT NULL REFERENCES project (name),
    kind text NOT NULL,
    state text NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'running', 'cancel_pending', 'cancelled', 'done', 'failed')),
    subject text NOT NULL,
    spec jsonb NOT NULL,
    upload bigint REFERENCES blob (id),
    checkpoint bigint REFERENCES blob (id),
    attempts integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL DEFAULT 3,
    -- Raised by every claim; every write of a run names it.
    fence bigint NOT NULL DEFAULT 0,
    worker text,
    lease_until timestamptz,
    not_before timestamptz NOT NULL DEFAULT now(),
    progress jsonb,
    result jsonb,
    error jsonb,
    events bigint NOT NULL DEFAULT 0,
    created_by uuid REFERENCES key (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    CHECK ((state IN ('running', 'cancel_pending')) = (lease_until IS NOT NULL)),
    CHECK ((state IN ('cancelled', 'done', 'failed')) = (finished_at IS NOT NULL))
);
CREATE INDEX job_queue ON job (created_at) WHERE state = 'queued';
CREATE INDEX job_leases ON job (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX job_list ON job (project, id DESC);
CREATE INDEX job_upload ON job (upload) WHERE upload IS NOT NULL;
CREATE INDEX job_checkpoint ON job (checkpoint) WHERE checkpoint IS NOT NULL;

CREATE TABLE job_event (
    job uuid NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    sequence bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    event jsonb NOT NULL,
    PRIMARY KEY (job, sequence)
);

CREATE TABLE dataset (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    project text NOT NULL REFERENCES project (name),
    name text NOT NULL,
    -- Numbers are never given twice, also after the newest snapshot is deleted.
    last_version integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (project, name)
);
CREATE TABLE dataset_version (
    dataset bigint NOT NULL REFERENCES dataset (id),
    version integer NOT NULL CHECK (version > 0),
    rows bigint NOT NULL,
    columns jsonb NOT NULL,
    source jsonb NOT NULL,
    content bigint NOT NULL REFERENCES blob (id),
    job uuid NOT NULL UNIQUE REFERENCES job (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (dataset, version)
);
CREATE INDEX dataset_version_content ON dataset_version (content);

CREATE TABLE model (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    project text NOT NULL REFERENCES project (name),
    name text NOT NULL,
    task text NOT NULL,
    input_kind text NOT NULL,
    record boolean NOT NULL DEFAULT false,
    last_version integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (project, name)
);
CREATE TABLE model_version (
    model bigint NOT NULL REFERENCES model (id),
    version integer NOT NULL CHECK (version > 0),
    -- What the API shows: signature, metrics, curve, provenance, warnings.
    description json NOT NULL,
    -- What scoring needs beside the weights: the fitted features.
    features json NOT NULL,
    weights bigint NOT NULL REFERENCES blob (id),
    dataset bigint NOT NULL,
    dataset_version integer NOT NULL,
    job uuid NOT NULL UNIQUE REFERENCES job (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (model, version),
    FOREIGN KEY (dataset, dataset_version) REFERENCES dataset_version (dataset, version)
);
CREATE INDEX model_version_weights ON model_version (weights);
CREATE INDEX model_version_dataset ON model_version (dataset, dataset_version);

CREATE TABLE alias (
    model bigint NOT NULL REFERENCES model (id),
    name text NOT NULL,
    -- None once the alias was removed; its revisions go on counting.
    version integer,
    revision bigint NOT NULL,
    moved_at timestamptz NOT NULL,
    PRIMARY KEY (model, name),
    FOREIGN KEY (model, version) REFERENCES model_version (model, version)
);
CREATE TABLE alias_move (
    model bigint NOT NULL,
    alias text NOT NULL,
    revision bigint NOT NULL,
    version integer,
    previous integer,
    moved_at timestamptz NOT NULL,
    moved_by uuid NOT NULL REFERENCES key (id),
    reason text,
    PRIMARY KEY (model, alias, revision),
    FOREIGN KEY (model, alias) REFERENCES alias (model, name)
);

-- Recorded answers. json, not jsonb, keeps every number as it was written.
CREATE TABLE prediction (
    id uuid PRIMARY KEY,
    project text NOT NULL REFERENCES project (name),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    key uuid NOT NULL REFERENCES key (id),
    model bigint NOT NULL,
    version integer NOT NULL,
    rows json NOT NULL,
    predictions json NOT NULL,
    threshold double precision,
    FOREIGN KEY (model, version) REFERENCES model_version (model, version)
);
CREATE INDEX prediction_version ON prediction (model, version);

-- What was answered to a request with an Idempotency-Key, written by the transaction that did
-- what it asked for.
CREATE TABLE idempotency (
    key uuid NOT NULL REFERENCES key (id),
    idempotency_key text NOT NULL,
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    answer json NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (key, idempotency_key)
);
CREATE INDEX idempotency_age ON idempotency (created_at);

-- History and records are only ever added to.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is only ever added to', TG_TABLE_NAME;
END
$$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON prediction
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON alias_move
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Servers hold keys, models and aliases in memory; every change is announced.
CREATE FUNCTION announce_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('actuary_change', TG_TABLE_NAME);
    RETURN NULL;
END
$$;
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON key
    FOR EACH STATEMENT EXECUTE FUNCTION announce_change();
CREATE TRIGGER announce AFTER UPDATE OR DELETE ON model
    FOR EACH STATEMENT EXECUTE FUNCTION announce_change();
CREATE TRIGGER announce AFTER DELETE ON model_version
    FOR EACH STATEMENT EXECUTE FUNCTION announce_change();
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON alias
    FOR EACH STATEMENT EXECUTE FUNCTION announce_change();

-- Workers sleep until a job is queued or is to be cancelled; watchers until it moves.
CREATE FUNCTION announce_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('actuary_job', NEW.id::text);
    RETURN NULL;
END
$$;
CREATE TRIGGER announce_new AFTER INSERT ON job
    FOR EACH ROW EXECUTE FUNCTION announce_job();
CREATE TRIGGER announce_state AFTER UPDATE ON job
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state OR OLD.events <> NEW.events)
    EXECUTE FUNCTION announce_job();
