-- What each document of the plain shape must be, as anybody would write it in SQL.
-- json, not jsonb: it keeps every digit and costs half.
SELECT d.o_orderkey::text, to_json(d)
FROM (
    SELECT o.*,
           (SELECT to_json(c)
            FROM (SELECT c_name, c_mktsegment, n_name
                  FROM shop.customer LEFT JOIN shop.nation ON n_nationkey = c_nationkey
                  WHERE c_custkey = o.o_custkey) c) AS customer,
           (SELECT coalesce(json_agg(l ORDER BY l_linenumber), '[]')
            FROM shop.lineitem l
            WHERE l_orderkey = o.o_orderkey) AS lines
    FROM shop.orders o
) d
