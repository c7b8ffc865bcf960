DROP SCHEMA IF EXISTS shop CASCADE;
CREATE SCHEMA shop;

CREATE TABLE shop.nation (
    n_nationkey  integer NOT NULL,
    n_name       text NOT NULL,
    n_capital    text NOT NULL
);

CREATE TABLE shop.customer (
    c_custkey     integer NOT NULL,
    c_name        text NOT NULL,
    c_address     text NOT NULL,
    c_nationkey   integer NOT NULL,
    c_phone       text NOT NULL,
    c_acctbal     numeric(12,2) NOT NULL,
    c_mktsegment  text NOT NULL,
    c_comment     text NOT NULL
);

CREATE TABLE shop.orders (
    o_orderkey      bigint NOT NULL,
    o_custkey       integer NOT NULL,
    o_orderstatus   text NOT NULL,
    o_totalprice    numeric(14,2) NOT NULL,
    o_orderdate     date NOT NULL,
    o_orderpriority text NOT NULL,
    o_clerk         text NOT NULL,
    o_shippriority  integer NOT NULL,
    o_comment       text NOT NULL
);

CREATE TABLE shop.lineitem (
    l_orderkey      bigint NOT NULL,
    l_linenumber    integer NOT NULL,
    l_partname      text NOT NULL,
    l_quantity      integer NOT NULL,
    l_extendedprice numeric(14,2) NOT NULL,
    l_discount      numeric(4,2) NOT NULL,
    l_tax           numeric(4,2) NOT NULL,
    l_returned      text NOT NULL,
    l_linestatus    text NOT NULL,
    l_shipdate      date NOT NULL,
    l_receiptdate   date NOT NULL,
    l_shipinstruct  text NOT NULL,
    l_shipmode      text NOT NULL,
    l_comment       text NOT NULL
);
