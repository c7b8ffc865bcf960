package pgjson

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var (
	errArray     = errors.New("an array value that is none")
	errComposite = errors.New("a composite value that is none")
)

// arrayOf encodes arrays of any dimension as nested JSON arrays.
func arrayOf(oid uint32, element Encoder) Encoder {
	return func(dst, src []byte) ([]byte, error) {
		if len(src) < 12 {
			return dst, errArray
		}
		dims := int(binary.BigEndian.Uint32(src))
		if got := binary.BigEndian.Uint32(src[8:]); got != oid {
			return dst, fmt.Errorf("an array of type %d, not %d", got, oid)
		}
		if dims == 0 && len(src) == 12 {
			return append(dst, "[]"...), nil
		}
		if dims < 1 || dims > 6 || len(src) < 12+8*dims {
			return dst, errArray
		}
		heads, rest := src[12:12+8*dims], src[12+8*dims:]
		dst, rest, err := appendDimension(dst, heads, rest, element)
		if err == nil && len(rest) != 0 {
			err = errArray
		}
		return dst, err
	}
}

func appendDimension(dst, heads, src []byte, element Encoder) ([]byte, []byte, error) {
	n := int(binary.BigEndian.Uint32(heads))
	if n > len(src)/4 { // each element takes its length at least
		return dst, src, errArray
	}
	var err error
	dst = append(dst, '[')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		if len(heads) > 8 {
			dst, src, err = appendDimension(dst, heads[8:], src, element)
		} else {
			dst, src, err = appendElement(dst, src, element)
		}
		if err != nil {
			return dst, src, err
		}
	}
	return append(dst, ']'), src, nil
}

// appendElement encodes one value with its length before it, and returns what follows.
func appendElement(dst, src []byte, element Encoder) ([]byte, []byte, error) {
	if len(src) < 4 {
		return dst, src, errArray
	}
	size := int(int32(binary.BigEndian.Uint32(src)))
	src = src[4:]
	if size == -1 {
		return append(dst, "null"...), src, nil
	}
	if size < 0 || size > len(src) {
		return dst, src, errArray
	}
	dst, err := element(dst, src[:size])
	return dst, src[size:], err
}

// attribute is one field of a composite type.
type attribute struct {
	name   []byte // "name":
	oid    uint32
	encode Encoder
}

// compositeOf encodes a composite value as an object.
func compositeOf(attributes []attribute) Encoder {
	return func(dst, src []byte) ([]byte, error) {
		if len(src) < 4 || int(binary.BigEndian.Uint32(src)) != len(attributes) {
			return dst, errComposite
		}
		src = src[4:]
		var err error
		dst = append(dst, '{')
		for i := range attributes {
			a := &attributes[i]
			if len(src) < 4 || binary.BigEndian.Uint32(src) != a.oid {
				return dst, errComposite
			}
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, src, err = appendElement(append(dst, a.name...), src[4:], a.encode); err != nil {
				return dst, err
			}
		}
		if len(src) != 0 {
			return dst, errComposite
		}
		return append(dst, '}'), nil
	}
}

// finiteOrNull writes null for what JSON cannot say.
func finiteOrNull(encode Encoder) Encoder {
	return func(dst, src []byte) ([]byte, error) {
		start := len(dst)
		dst, err := encode(dst, src)
		if errors.Is(err, ErrNotFinite) {
			return append(dst[:start], "null"...), nil
		}
		return dst, err
	}
}
