package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// The built-in types that are decoded here; pg_type.dat fixes their numbers.
const (
	oidBool        = 16
	oidBytea       = 17
	oidName        = 19
	oidInt8        = 20
	oidInt2        = 21
	oidInt4        = 23
	oidText        = 25
	oidOID         = 26
	oidJSON        = 114
	oidFloat4      = 700
	oidFloat8      = 701
	oidInet        = 869
	oidBpchar      = 1042
	oidVarchar     = 1043
	oidDate        = 1082
	oidTime        = 1083
	oidTimestamp   = 1114
	oidTimestampTZ = 1184
	oidInterval    = 1186
	oidTimeTZ      = 1266
	oidNumeric     = 1700
	oidUUID        = 2950
	oidJSONB       = 3802
)

// Type is one row of pg_type, with what it is made of.
type Type struct {
	oid     uint32
	name    string // quoted and schema-qualified
	kind    byte   // typtype: b, c, d, e, p, r, m
	element uint32 // of a true array
	array   uint32 // the array of this type
	base    uint32 // of a domain
	attrs   []typeAttr
}

type typeAttr struct {
	name string
	oid  uint32
}

// types knows the types a projection uses, by number.
type types struct {
	byOID map[uint32]*Type
	nulls bool // NaN and Infinity become null
}

const typeSQL = `
select t.oid, quote_ident(n.nspname) || '.' || quote_ident(t.typname), t.typtype,
       case when t.typcategory = 'A' and t.typelem <> 0 then t.typelem else 0 end, t.typarray, t.typbasetype,
       coalesce((select string_agg(a.atttypid || ' ' || a.attname, chr(1) order by a.attnum)
                 from pg_catalog.pg_attribute a where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped), '')
from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
where t.oid = any($1::oid[])`

// Querier is a session of the server whose types these are.
type Querier interface {
	// Rows runs a query for a handful of rows; NULL reads as "".
	Rows(ctx context.Context, sql string, args ...string) ([][]string, error)
}

// newTypes knows no type yet. With nulls, NaN and Infinity become null.
func newTypes(nulls bool) *types { return &types{byOID: map[uint32]*Type{}, nulls: nulls} }

// has reports whether a type is known.
func (ts *types) has(oid uint32) bool { return ts.byOID[oid] != nil }

// load reads the types named and all that they are made of.
func (ts *types) load(ctx context.Context, db Querier, oids []uint32) error {
	for len(oids) > 0 {
		list := make([]string, len(oids))
		for i, oid := range oids {
			list[i] = strconv.FormatUint(uint64(oid), 10)
		}
		rows, err := db.Rows(ctx, typeSQL, "{"+strings.Join(list, ",")+"}")
		if err != nil {
			return fmt.Errorf("read types: %w", err)
		}
		oids = oids[:0:0]
		for _, r := range rows {
			t := &Type{oid: parseOID(r[0]), name: r[1], kind: r[2][0], element: parseOID(r[3]), array: parseOID(r[4]), base: parseOID(r[5])}
			for _, a := range strings.Split(r[6], "\x01") {
				if oid, name, ok := strings.Cut(a, " "); ok {
					t.attrs = append(t.attrs, typeAttr{name, parseOID(oid)})
				}
			}
			ts.byOID[t.oid] = t
			for _, part := range t.parts() {
				if ts.byOID[part] == nil {
					oids = append(oids, part)
				}
			}
		}
	}
	return nil
}

func (t *Type) parts() []uint32 {
	var parts []uint32
	for _, oid := range []uint32{t.element, t.base} {
		if oid != 0 {
			parts = append(parts, oid)
		}
	}
	if t.kind == 'c' {
		for _, a := range t.attrs {
			parts = append(parts, a.oid)
		}
	}
	return parts
}

func parseOID(s string) uint32 {
	n, _ := strconv.ParseUint(s, 10, 32) // the server's own output
	return uint32(n)
}

// base returns the type below any domains.
func (ts *types) base(oid uint32) *Type {
	t := ts.byOID[oid]
	for t != nil && t.base != 0 {
		t = ts.byOID[t.base]
	}
	return t
}

// nested reports whether values of a type cannot be taken out of an array one by one: of
// arrays there is no array, and of composites unnest makes a column of each attribute.
func (t *Type) nested() bool { return t.element != 0 || t.kind == 'c' }

// encoder returns the encoder of a type, nil where the server's to_json must write it.
func (ts *types) encoder(oid uint32) encoder {
	t := ts.base(oid)
	if t == nil {
		return nil
	}
	if e := ts.scalar(t.oid); e != nil {
		return e
	}
	switch {
	case t.kind == 'e':
		return encodeText
	case t.element != 0:
		if e := ts.encoder(t.element); e != nil {
			return arrayOf(t.element, e)
		}
	case t.kind == 'c':
		attrs := make([]attribute, len(t.attrs))
		for i, a := range t.attrs {
			e := ts.encoder(a.oid)
			if e == nil {
				return nil
			}
			attrs[i] = attribute{name: fieldName(a.name), oid: a.oid, encode: e}
		}
		return compositeOf(attrs)
	}
	return nil
}

func (ts *types) finite(e encoder) encoder {
	if ts.nulls {
		return finiteOrNull(e)
	}
	return e
}

func (ts *types) scalar(oid uint32) encoder {
	switch oid {
	case oidBool:
		return encodeBool
	case oidBytea:
		return encodeBytea
	case oidInt2:
		return encodeInt2
	case oidInt4:
		return encodeInt4
	case oidInt8:
		return encodeInt8
	case oidOID:
		return encodeOID
	case oidFloat4:
		return ts.finite(encodeFloat4)
	case oidFloat8:
		return ts.finite(encodeFloat8)
	case oidNumeric:
		return ts.finite(encodeNumeric)
	case oidText, oidVarchar, oidBpchar, oidName:
		return encodeText
	case oidUUID:
		return encodeUUID
	case oidDate:
		return ts.finite(encodeDate)
	case oidTime:
		return encodeTime
	case oidTimeTZ:
		return encodeTimeTZ
	case oidTimestamp:
		return ts.finite(encodeTimestamp)
	case oidTimestampTZ:
		return ts.finite(encodeTimestampTZ)
	case oidInterval:
		return encodeInterval
	case oidJSON:
		return encodeJSON
	case oidJSONB:
		return encodeJSONB
	}
	return nil
}

// fieldName returns "name": as JSON writes it.
func fieldName(name string) []byte { return append(appendString(nil, []byte(name)), ':') }
