package postgres

// texter appends the text form of a value that was selected in binary.
type texter func(dst, src []byte) ([]byte, error)

func plainText(dst, src []byte) ([]byte, error) { return append(dst, src...), nil }

// texterOf returns how a type is written as text; nil where the server must do it.
func texterOf(oid uint32) texter {
	switch oid {
	case oidInt2:
		return encodeInt2
	case oidInt4:
		return encodeInt4
	case oidInt8:
		return encodeInt8
	case oidOID:
		return encodeOID
	case oidBool:
		return encodeBool
	case oidUUID:
		return appendUUID
	case oidText, oidVarchar, oidName:
		return plainText
	}
	return nil
}

// sameBytes reports whether equal values of a type are equal byte for byte.
func sameBytes(oid uint32) bool {
	switch oid {
	case oidInt2, oidInt4, oidInt8, oidOID, oidBool, oidUUID, oidText, oidVarchar, oidName,
		oidDate, oidTimestamp, oidTimestampTZ, oidTime, oidBytea:
		return true
	}
	return false
}

// isInteger reports whether a type is one of the integers, which compare across sizes.
func isInteger(oid uint32) bool { return oid == oidInt2 || oid == oidInt4 || oid == oidInt8 }

func isString(oid uint32) bool { return oid == oidText || oid == oidVarchar }

func intSize(oid uint32) int {
	switch oid {
	case oidInt2:
		return 2
	case oidInt4:
		return 4
	}
	return 8
}
