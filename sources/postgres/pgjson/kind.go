package pgjson

import (
	"fmt"
	"strings"

	"humpty/internal/field"
)

// JSON is what values of a type are in JSON, and the type's name. An array is what its elements
// are.
func (ts *Types) JSON(oid uint32) (kind field.Kind, name string) {
	t := ts.Base(oid)
	if t == nil {
		return field.Any, fmt.Sprintf("type %d", oid)
	}
	name = strings.Trim(strings.TrimPrefix(t.Name, "pg_catalog."), `"`)
	if t.element != 0 {
		kind, element := ts.JSON(t.element)
		return kind, element + "[]"
	}
	switch t.OID {
	case OIDBool:
		return field.Boolean, name
	case OIDInt2, OIDInt4, OIDInt8, OIDOID:
		return field.Whole, name
	case OIDFloat4, OIDFloat8, OIDNumeric:
		return field.Fraction, name
	case OIDDate, OIDTimestamp, OIDTimestampTZ:
		return field.Date, name
	case OIDText, OIDVarchar, OIDBpchar, OIDName, OIDUUID, OIDBytea, OIDTime, OIDTimeTZ, OIDInterval:
		return field.Text, name
	}
	if t.kind == 'e' {
		return field.Text, name
	}
	return field.Any, name // json, a composite, or what the server's to_json makes of it
}
