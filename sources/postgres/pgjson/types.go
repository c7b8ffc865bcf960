package pgjson

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// The built-in types that are decoded here; pg_type.dat fixes their numbers.
const (
	OIDBool        = 16
	OIDBytea       = 17
	OIDName        = 19
	OIDInt8        = 20
	OIDInt2        = 21
	OIDInt4        = 23
	OIDText        = 25
	OIDOID         = 26
	OIDJSON        = 114
	OIDFloat4      = 700
	OIDFloat8      = 701
	OIDInet        = 869
	OIDBpchar      = 1042
	OIDVarchar     = 1043
	OIDDate        = 1082
	OIDTime        = 1083
	OIDTimestamp   = 1114
	OIDTimestampTZ = 1184
	OIDInterval    = 1186
	OIDTimeTZ      = 1266
	OIDNumeric     = 1700
	OIDUUID        = 2950
	OIDJSONB       = 3802
)

// Type is one row of pg_type, with what it is made of.
type Type struct {
	OID     uint32
	Name    string // quoted and schema-qualified
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

// Types knows the types a projection uses, by number.
type Types struct {
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

// NewTypes knows no type yet. With nulls, NaN and Infinity become null.
func NewTypes(nulls bool) *Types { return &Types{byOID: map[uint32]*Type{}, nulls: nulls} }

// Has reports whether a type is known.
func (ts *Types) Has(oid uint32) bool { return ts.byOID[oid] != nil }

// Load reads the types named and all that they are made of.
func (ts *Types) Load(ctx context.Context, db Querier, oids []uint32) error {
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
			t := &Type{OID: parseOID(r[0]), Name: r[1], kind: r[2][0], element: parseOID(r[3]), array: parseOID(r[4]), base: parseOID(r[5])}
			for _, a := range strings.Split(r[6], "\x01") {
				if oid, name, ok := strings.Cut(a, " "); ok {
					t.attrs = append(t.attrs, typeAttr{name, parseOID(oid)})
				}
			}
			ts.byOID[t.OID] = t
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

// Base returns the type below any domains.
func (ts *Types) Base(oid uint32) *Type {
	t := ts.byOID[oid]
	for t != nil && t.base != 0 {
		t = ts.byOID[t.base]
	}
	return t
}

// Nested reports whether values of a type cannot be taken out of an array one by one: of
// arrays there is no array, and of composites unnest makes a column of each attribute.
func (t *Type) Nested() bool { return t.element != 0 || t.kind == 'c' }

// Encoder returns the encoder of a type, nil where the server's to_json must write it.
func (ts *Types) Encoder(oid uint32) Encoder {
	t := ts.Base(oid)
	if t == nil {
		return nil
	}
	if e := ts.scalar(t.OID); e != nil {
		return e
	}
	switch {
	case t.kind == 'e':
		return encodeText
	case t.element != 0:
		if e := ts.Encoder(t.element); e != nil {
			return arrayOf(t.element, e)
		}
	case t.kind == 'c':
		attrs := make([]attribute, len(t.attrs))
		for i, a := range t.attrs {
			e := ts.Encoder(a.oid)
			if e == nil {
				return nil
			}
			attrs[i] = attribute{name: FieldName(a.name), oid: a.oid, encode: e}
		}
		return compositeOf(attrs)
	}
	return nil
}

func (ts *Types) finite(e Encoder) Encoder {
	if ts.nulls {
		return finiteOrNull(e)
	}
	return e
}

func (ts *Types) scalar(oid uint32) Encoder {
	switch oid {
	case OIDBool:
		return encodeBool
	case OIDBytea:
		return encodeBytea
	case OIDInt2:
		return encodeInt2
	case OIDInt4:
		return encodeInt4
	case OIDInt8:
		return encodeInt8
	case OIDOID:
		return encodeOID
	case OIDFloat4:
		return ts.finite(encodeFloat4)
	case OIDFloat8:
		return ts.finite(encodeFloat8)
	case OIDNumeric:
		return ts.finite(encodeNumeric)
	case OIDText, OIDVarchar, OIDBpchar, OIDName:
		return encodeText
	case OIDUUID:
		return encodeUUID
	case OIDDate:
		return ts.finite(encodeDate)
	case OIDTime:
		return encodeTime
	case OIDTimeTZ:
		return encodeTimeTZ
	case OIDTimestamp:
		return ts.finite(encodeTimestamp)
	case OIDTimestampTZ:
		return ts.finite(encodeTimestampTZ)
	case OIDInterval:
		return encodeInterval
	case OIDJSON:
		return EncodeJSON
	case OIDJSONB:
		return encodeJSONB
	}
	return nil
}

// FieldName returns "name": as JSON writes it.
func FieldName(name string) []byte { return append(AppendString(nil, []byte(name)), ':') }
