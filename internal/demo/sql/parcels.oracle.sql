SELECT id, doc || jsonb_build_object('sold', (
    SELECT to_jsonb(o) FROM (SELECT o_orderstatus, o_totalprice FROM shop.orders WHERE o_orderkey = p."order") o))
FROM carrier.parcel p
