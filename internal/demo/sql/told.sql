-- Every event that the carriers told, as it lies in the topic.
DROP SCHEMA IF EXISTS carrier CASCADE;
CREATE SCHEMA carrier;
CREATE UNLOGGED TABLE carrier.event (part integer NOT NULL, at bigint NOT NULL, doc jsonb NOT NULL);
