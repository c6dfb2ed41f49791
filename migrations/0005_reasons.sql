-- Codes and sentences for the reasons of adverse answers, which the operator owns. A table is never
-- changed: a new one gets the next number.
CREATE TABLE reason_table (
    model bigint NOT NULL REFERENCES model (id),
    number integer NOT NULL CHECK (number > 0),
    entries json NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by uuid NOT NULL REFERENCES key (id),
    PRIMARY KEY (model, number)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON reason_table
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Why answers were adverse: of each row its reasons, and how they were found. None where they were
-- not asked for, and of records that were made before.
ALTER TABLE prediction ADD COLUMN reasons json;
