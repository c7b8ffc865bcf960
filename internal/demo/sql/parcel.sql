-- What is known of each parcel before the given offsets, as anybody would write it in SQL.
DROP TABLE IF EXISTS carrier.parcel;
CREATE UNLOGGED TABLE carrier.parcel AS
WITH told AS (
    SELECT doc->>'parcel' AS id, at, doc, doc->>'type' AS type
    FROM carrier.event JOIN (VALUES %s) AS fence(part, before) USING (part)
    WHERE at < before
), lost AS (
    SELECT id, max(at) AS at FROM told WHERE type = 'Lost' GROUP BY id
), since AS ( -- a parcel that was lost is forgotten; what comes later is another's story
    SELECT told.* FROM told LEFT JOIN lost USING (id) WHERE told.at > coalesce(lost.at, -1)
), folded AS (
    SELECT id,
           max(id) FILTER (WHERE type = 'Packed') AS parcel,
           (array_agg((doc->>'order')::bigint ORDER BY at DESC) FILTER (WHERE type = 'Packed'))[1] AS "order",
           (array_agg(doc->>'carrier' ORDER BY at DESC) FILTER (WHERE type = 'Packed'))[1] AS carrier,
           (array_agg(CASE type WHEN 'Packed' THEN 'packed' WHEN 'Moved' THEN 'moving' ELSE 'delivered' END ORDER BY at DESC))[1] AS status,
           jsonb_agg(doc->'stop' ORDER BY at) FILTER (WHERE type = 'Moved') AS stops
    FROM since GROUP BY id
)
SELECT id, "order", jsonb_strip_nulls(to_jsonb(folded) - 'id') AS doc FROM folded;
CREATE INDEX ON carrier.parcel ("order");
ANALYZE carrier.parcel;
