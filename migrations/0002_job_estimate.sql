-- What a training is expected to take, once its rows are prepared.
ALTER TABLE job ADD COLUMN estimate jsonb;
