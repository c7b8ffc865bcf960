SELECT o_orderkey::text, to_jsonb(o) || jsonb_build_object('parcels', (
    SELECT coalesce(jsonb_agg(doc ORDER BY id), '[]') FROM carrier.parcel p WHERE p."order" = o.o_orderkey))
FROM (SELECT o_orderkey, o_orderstatus, o_orderdate FROM shop.orders WHERE o_orderstatus <> 'fulfilled') o
