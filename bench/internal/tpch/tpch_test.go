package tpch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"humpty/internal/testenv/devstack"
)

// files of two orders with three lines, as dbgen writes them; lineitem as a CSV.
func files(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"nation.tbl":   "7|GERMANY|3|l platelets|\n",
		"customer.tbl": "1|Customer#000000001|IVhzIApeRb|7|25-989-741-2988|711.56|BUILDING|to the even, regular platelets|\n",
		"orders.tbl":   "1|1|O|172799.49|1996-01-02|5-LOW|Clerk#000000951|0|nstructions \"sleep\"|\n32|1|F|38426.09|1996-12-01|1-URGENT|Clerk#000000880|0|back\\slash|\n",
		"lineitem.csv": strings.Join(tables()[3].columns, ",") + "\n" +
			"1,155190,7706,1,17.00,21168.23,0.04,0.02,N,O,1996-03-13,1996-02-12,1996-03-22,DELIVER IN PERSON,TRUCK,\"egular, courts\"\n" +
			"1,67310,7311,2,36,45983.16,0.09,0.06,N,O,1996-04-12,1996-02-28,1996-04-20,TAKE BACK RETURN,MAIL,ly final\n" +
			"32,82704,7721,1,28.0,47227.60,0.05,0.08,R,F,1996-10-23,1996-08-27,1996-10-30,NONE,AIR,sts\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dsn := devstack.Postgres(t)
	size, err := Load(t.Context(), dsn, files(t))
	if err != nil {
		t.Fatal(err)
	}
	if size.Orders != 2 || size.Lines != 3 || size.Customers != 1 || size.Bytes == 0 {
		t.Errorf("%+v", size)
	}
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var got string
	err = conn.QueryRow(t.Context(), `SELECT string_agg(concat_ws('/', o_orderkey, o_comment, n_name, l_partname, l_quantity, l_comment), E'\n' ORDER BY o_orderkey, l_linenumber)
		FROM shop.orders JOIN shop.lineitem ON l_orderkey = o_orderkey JOIN shop.customer ON c_custkey = o_custkey JOIN shop.nation ON n_nationkey = c_nationkey`).Scan(&got)
	want := "1/nstructions \"sleep\"/GERMANY/part 155190/17/egular, courts\n1/nstructions \"sleep\"/GERMANY/part 67310/36/ly final\n32/back\\slash/GERMANY/part 82704/28/sts"
	if err != nil || got != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}

func TestLoadErrors(t *testing.T) {
	t.Parallel()
	dsn := devstack.Postgres(t)
	for name, c := range map[string]struct{ file, text, want string }{
		"missing":  {"orders.tbl", "", "neither orders.tbl nor orders.csv"},
		"short":    {"orders.tbl", "1|2|\n", "row 1: 3 values, want 9"},
		"header":   {"lineitem.csv", "l_orderkey,l_linenumber\n", "no column l_extendedprice"},
		"quantity": {"lineitem.csv", strings.Join(tables()[3].columns, ",") + "\n1,1,1,1,1.5,1,0,0,N,O,1996-03-13,1996-02-12,1996-03-22,X,Y,z\n", "quantity 1.5 is no whole number"},
		"value":    {"nation.tbl", "x|GERMANY|3|l|\n", "invalid input syntax for type integer"},
		"orphan":   {"orders.tbl", "1|99|O|1|1996-01-02|5|C|0|x|\n", "violates foreign key"},
	} {
		dir := files(t)
		path := filepath.Join(dir, c.file)
		err := os.WriteFile(path, []byte(c.text), 0o644)
		if c.text == "" {
			err = os.Remove(path)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Load(t.Context(), dsn, dir); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "load TPC-H") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
