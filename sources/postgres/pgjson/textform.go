package pgjson

// Texter appends the text form of a value that was selected in binary.
type Texter func(dst, src []byte) ([]byte, error)

// PlainText appends what the server has written as text.
func PlainText(dst, src []byte) ([]byte, error) { return append(dst, src...), nil }

// TexterOf returns how a type is written as text; nil where the server must do it.
func TexterOf(oid uint32) Texter {
	switch oid {
	case OIDInt2:
		return encodeInt2
	case OIDInt4:
		return encodeInt4
	case OIDInt8:
		return encodeInt8
	case OIDOID:
		return encodeOID
	case OIDBool:
		return encodeBool
	case OIDUUID:
		return appendUUID
	case OIDText, OIDVarchar, OIDName:
		return PlainText
	}
	return nil
}

// SameBytes reports whether equal values of a type are equal byte for byte.
func SameBytes(oid uint32) bool {
	switch oid {
	case OIDInt2, OIDInt4, OIDInt8, OIDOID, OIDBool, OIDUUID, OIDText, OIDVarchar, OIDName,
		OIDDate, OIDTimestamp, OIDTimestampTZ, OIDTime, OIDBytea:
		return true
	}
	return false
}

// IsInteger reports whether a type is one of the integers, which compare across sizes.
func IsInteger(oid uint32) bool { return oid == OIDInt2 || oid == OIDInt4 || oid == OIDInt8 }

// IsString reports whether a type is one of the texts that compare with each other.
func IsString(oid uint32) bool { return oid == OIDText || oid == OIDVarchar }

// IntSize is the number of bytes of an integer type.
func IntSize(oid uint32) int {
	switch oid {
	case OIDInt2:
		return 2
	case OIDInt4:
		return 4
	}
	return 8
}
