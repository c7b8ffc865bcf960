-- What each document of the rich shape must be, as anybody would write it in SQL.
SELECT d.o_orderkey::text, to_json(d)
FROM (
    SELECT o.*,
           (SELECT to_json(c)
            FROM (SELECT c_name, c_mktsegment, n_name
                  FROM shop.customer LEFT JOIN shop.nation ON n_nationkey = c_nationkey
                  WHERE c_custkey = o.o_custkey) c) AS customer,
           (SELECT coalesce(json_agg(l ORDER BY l_linenumber), '[]')
            FROM (SELECT lineitem.*, CASE WHEN p_productkey IS NOT NULL THEN to_json(product) END AS product
                  FROM shop.lineitem LEFT JOIN shop.product ON p_productkey = l_productkey
                  WHERE l_orderkey = o.o_orderkey) l) AS lines
    FROM shop.orders o
) d
