package kafka

import "encoding/binary"

// scanner reads big-endian fields; after the end it gives zeroes and is short.
type scanner struct {
	rest  []byte
	short bool
}

func (s *scanner) take(n int) []byte {
	if n < 0 || n > len(s.rest) {
		s.short, s.rest = true, nil
		return nil
	}
	p := s.rest[:n:n]
	s.rest = s.rest[n:]
	return p
}

func (s *scanner) skip(n int) { s.take(n) }

func (s *scanner) int16() int16 {
	if p := s.take(2); p != nil {
		return int16(binary.BigEndian.Uint16(p))
	}
	return 0
}

func (s *scanner) int32() int32 {
	if p := s.take(4); p != nil {
		return int32(binary.BigEndian.Uint32(p))
	}
	return 0
}

func (s *scanner) int64() int64 {
	if p := s.take(8); p != nil {
		return int64(binary.BigEndian.Uint64(p))
	}
	return 0
}

func (s *scanner) uvarint() uint64 {
	n, size := binary.Uvarint(s.rest)
	if size <= 0 {
		s.short, s.rest = true, nil
		return 0
	}
	s.rest = s.rest[size:]
	return n
}

// compactLength is that of an array or a text; 0 for none.
func (s *scanner) compactLength() int {
	n := s.uvarint()
	if n > uint64(len(s.rest))+1 { // each element has a byte at least
		s.short, s.rest = true, nil
		return 0
	}
	return max(int(n)-1, 0)
}

func (s *scanner) compactText() string { return string(s.take(s.compactLength())) }

// tags passes tagged fields.
func (s *scanner) tags() {
	for n := s.uvarint(); n > 0 && !s.short; n-- {
		s.uvarint()
		s.skip(int(min(s.uvarint(), maxResponse)))
	}
}
