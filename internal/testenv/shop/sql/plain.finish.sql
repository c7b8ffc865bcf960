ALTER TABLE shop.nation ADD PRIMARY KEY (n_nationkey);
ALTER TABLE shop.customer ADD PRIMARY KEY (c_custkey);
ALTER TABLE shop.orders ADD PRIMARY KEY (o_orderkey);
ALTER TABLE shop.lineitem ADD PRIMARY KEY (l_orderkey, l_linenumber);
CREATE INDEX ON shop.customer (c_nationkey);
CREATE INDEX ON shop.orders (o_custkey);
ALTER TABLE shop.customer ADD FOREIGN KEY (c_nationkey) REFERENCES shop.nation;
ALTER TABLE shop.orders ADD FOREIGN KEY (o_custkey) REFERENCES shop.customer;
ALTER TABLE shop.lineitem ADD FOREIGN KEY (l_orderkey) REFERENCES shop.orders;
