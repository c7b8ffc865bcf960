CREATE TABLE shop.product (
    p_productkey  integer NOT NULL,
    p_name        text NOT NULL,
    p_origin      text NOT NULL,
    p_description text,
    p_measures    jsonb NOT NULL,
    p_labels      text[] NOT NULL,
    p_rating      double precision,
    p_listed      boolean NOT NULL
);

ALTER TABLE shop.orders
    ADD COLUMN o_note       text,
    ADD COLUMN o_attributes jsonb,
    ADD COLUMN o_labels     text[] NOT NULL,
    ADD COLUMN o_placed     timestamptz NOT NULL;

ALTER TABLE shop.lineitem ADD COLUMN l_productkey integer;
