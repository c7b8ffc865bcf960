ALTER TABLE shop.product ADD PRIMARY KEY (p_productkey);
CREATE INDEX ON shop.lineitem (l_productkey);
ALTER TABLE shop.lineitem ADD FOREIGN KEY (l_productkey) REFERENCES shop.product;
