package pgjson

import (
	"encoding/binary"
	"errors"
)

const (
	numericNegative = 0x4000
	numericNaN      = 0xC000
	numericPosInf   = 0xD000
	numericNegInf   = 0xF000
)

var errNumeric = errors.New("a numeric value that is none")

// encodeNumeric writes a numeric digit for digit, with the scale it has.
func encodeNumeric(dst, src []byte) ([]byte, error) {
	if len(src) < 8 {
		return dst, errNumeric
	}
	count := int(binary.BigEndian.Uint16(src))
	weight := int(int16(binary.BigEndian.Uint16(src[2:])))
	scale := int(binary.BigEndian.Uint16(src[6:]))
	if len(src) != 8+2*count || scale > 0x3fff {
		return dst, errNumeric
	}
	switch binary.BigEndian.Uint16(src[4:]) {
	case 0:
	case numericNegative:
		dst = append(dst, '-')
	case numericNaN, numericPosInf, numericNegInf:
		return dst, ErrNotFinite
	default:
		return dst, errNumeric
	}
	digits := src[8:]
	start := len(dst)
	for i := 0; i <= weight; i++ {
		d, ok := fourDigits(digits, i)
		if !ok {
			return dst, errNumeric
		}
		if len(dst) == start {
			dst = appendShort(dst, d)
		} else {
			dst = appendGroup(dst, d)
		}
	}
	if len(dst) == start {
		dst = append(dst, '0')
	}
	if scale == 0 {
		return dst, nil
	}
	dst = append(dst, '.')
	for i := weight + 1; scale > 0; i++ {
		d, ok := fourDigits(digits, i)
		if !ok {
			return dst, errNumeric
		}
		dst = appendGroup(dst, d)
		if scale < 4 {
			dst = dst[:len(dst)-4+scale]
		}
		scale -= 4
	}
	return dst, nil
}

// fourDigits returns the i-th group of four decimal digits, zero where none is stored.
func fourDigits(digits []byte, i int) (uint16, bool) {
	if i < 0 || 2*i >= len(digits) {
		return 0, true
	}
	d := binary.BigEndian.Uint16(digits[2*i:])
	return d, d < 10000
}

func appendGroup(dst []byte, d uint16) []byte {
	high, low := 2*(d/100), 2*(d%100)
	return append(dst, twoDigits[high], twoDigits[high+1], twoDigits[low], twoDigits[low+1])
}

// appendShort is appendGroup without leading zeros; nothing at all for zero.
func appendShort(dst []byte, d uint16) []byte {
	switch {
	case d >= 1000:
		return appendGroup(dst, d)
	case d >= 100:
		low := 2 * (d % 100)
		return append(dst, byte('0'+d/100), twoDigits[low], twoDigits[low+1])
	case d >= 10:
		return append(dst, twoDigits[2*d], twoDigits[2*d+1])
	case d > 0:
		return append(dst, byte('0'+d))
	}
	return dst
}
