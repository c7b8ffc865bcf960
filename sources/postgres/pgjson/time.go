package pgjson

import (
	"encoding/binary"
	"math"
	"strconv"
)

const (
	second    = int64(1_000_000) // microseconds
	daySpan   = 86400 * second
	epochDays = 10957 // 2000-01-01, PostgreSQL's day 0, counted from 1970-01-01
)

// civil turns days since 1970 into a date of the proleptic Gregorian calendar; the
// year is astronomical: 0 is 1 BC. Near dates take the multiplications of Neri and
// Schneider ("Euclidean affine functions", 2022), which are twice as fast.
func civil(days int64) (year int64, month, day int) {
	if days < -12_000_000 || days > 11_000_000 {
		return farCivil(days)
	}
	const shift = 82 // times 400 years, so that nothing is negative
	n := uint32(days + 719468 + 146097*shift)
	n1 := 4*n + 3
	century, inCentury := n1/146097, n1%146097/4
	p2 := 2939745 * uint64(4*inCentury+3)
	inYear := uint32(p2) / 2939745 / 4
	n3 := 2141*inYear + 197913
	year = int64(100*century+uint32(p2>>32)) - 400*shift
	month, day = int(n3>>16), int((n3&0xffff)/2141)+1
	if inYear >= 306 {
		year++
		month -= 12
	}
	return year, month, day
}

func farCivil(days int64) (year int64, month, day int) {
	z := days + 719468
	era := z / 146097
	if z < 0 {
		era = (z - 146096) / 146097
	}
	doe := uint32(z - era*146097)
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = int(doy-(153*mp+2)/5) + 1
	month = int(mp) + 3
	year = int64(yoe) + era*400
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, day
}

const twoDigits = "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899"

func append2(dst []byte, v int) []byte { return append(dst, twoDigits[2*v], twoDigits[2*v+1]) }

// appendDate writes a date and reports whether it is before Christ, which PostgreSQL
// says at the very end of a value.
func appendDate(dst []byte, days int64) ([]byte, bool) {
	year, month, day := civil(days + epochDays)
	bc := year <= 0
	if bc {
		year = 1 - year
	}
	if year < 10000 {
		dst = append2(append2(dst, int(year/100)), int(year%100))
	} else {
		dst = strconv.AppendInt(dst, year, 10)
	}
	dst = append2(append(dst, '-'), month)
	return append2(append(dst, '-'), day), bc
}

// appendClock writes hh:mm:ss and the fraction without its trailing zeros.
func appendClock(dst []byte, micros int64) []byte {
	secs := micros / second
	hours := secs / 3600
	if hours < 100 {
		dst = append2(dst, int(hours))
	} else {
		dst = strconv.AppendInt(dst, hours, 10)
	}
	dst = append2(append(dst, ':'), int(secs/60%60))
	dst = append2(append(dst, ':'), int(secs%60))
	return appendFraction(dst, micros%second)
}

func appendFraction(dst []byte, micros int64) []byte {
	if micros == 0 {
		return dst
	}
	dst = append(dst, '.')
	for unit := second / 10; micros > 0; unit /= 10 {
		dst = append(dst, byte('0'+micros/unit))
		micros %= unit
	}
	return dst
}

func endDate(dst []byte, bc bool) []byte {
	if bc {
		dst = append(dst, " BC"...)
	}
	return append(dst, '"')
}

func encodeDate(dst, src []byte) ([]byte, error) {
	if len(src) != 4 {
		return dst, errSize("date", src)
	}
	days := int32(binary.BigEndian.Uint32(src))
	if days == math.MaxInt32 || days == math.MinInt32 {
		return dst, ErrNotFinite
	}
	dst, bc := appendDate(append(dst, '"'), int64(days))
	return endDate(dst, bc), nil
}

func encodeTimestamp(dst, src []byte) ([]byte, error) { return appendStamp(dst, src, "") }

func encodeTimestampTZ(dst, src []byte) ([]byte, error) { return appendStamp(dst, src, "+00:00") }

func appendStamp(dst, src []byte, zone string) ([]byte, error) {
	if len(src) != 8 {
		return dst, errSize("timestamp", src)
	}
	micros := int64(binary.BigEndian.Uint64(src))
	if micros == math.MaxInt64 || micros == math.MinInt64 {
		return dst, ErrNotFinite
	}
	days, clock := micros/daySpan, micros%daySpan
	if clock < 0 {
		days, clock = days-1, clock+daySpan
	}
	dst, bc := appendDate(append(dst, '"'), days)
	dst = appendClock(append(dst, 'T'), clock)
	return endDate(append(dst, zone...), bc), nil
}

func encodeTime(dst, src []byte) ([]byte, error) {
	if len(src) != 8 || binary.BigEndian.Uint64(src) > uint64(daySpan) {
		return dst, errSize("time", src)
	}
	dst = appendClock(append(dst, '"'), int64(binary.BigEndian.Uint64(src)))
	return append(dst, '"'), nil
}

func encodeTimeTZ(dst, src []byte) ([]byte, error) {
	if len(src) != 12 || binary.BigEndian.Uint64(src) > uint64(daySpan) {
		return dst, errSize("timetz", src)
	}
	west := int(int32(binary.BigEndian.Uint32(src[8:])))
	if west <= -86400 || west >= 86400 {
		return dst, errSize("timetz", src)
	}
	dst = appendClock(append(dst, '"'), int64(binary.BigEndian.Uint64(src)))
	if west > 0 {
		dst = append(dst, '-')
	} else {
		dst, west = append(dst, '+'), -west
	}
	dst = append2(dst, west/3600)
	if west%3600 != 0 {
		dst = append2(append(dst, ':'), west/60%60)
	}
	if west%60 != 0 {
		dst = append2(append(dst, ':'), west%60)
	}
	return append(dst, '"'), nil
}

// encodeInterval writes an interval in PostgreSQL's own style: 1 year 2 mons -3 days +04:05:06.
func encodeInterval(dst, src []byte) ([]byte, error) {
	if len(src) != 16 {
		return dst, errSize("interval", src)
	}
	micros := int64(binary.BigEndian.Uint64(src))
	days := int64(int32(binary.BigEndian.Uint32(src[8:])))
	months := int64(int32(binary.BigEndian.Uint32(src[12:])))
	start := len(dst) + 1
	dst = append(dst, '"')
	before := false
	part := func(value int64, unit string) {
		if value == 0 {
			return
		}
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		if before && value > 0 {
			dst = append(dst, '+')
		}
		dst = append(append(strconv.AppendInt(dst, value, 10), ' '), unit...)
		if value != 1 {
			dst = append(dst, 's')
		}
		before = value < 0
	}
	part(months/12, "year")
	part(months%12, "mon")
	part(days, "day")
	if len(dst) == start || micros != 0 {
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		if micros < 0 {
			dst = append(dst, '-')
		} else if before {
			dst = append(dst, '+')
		}
		dst = appendLongClock(dst, micros)
	}
	return append(dst, '"'), nil
}

func appendLongClock(dst []byte, micros int64) []byte {
	if micros == math.MinInt64 { // has no positive counterpart
		return append(dst, "2562047788:00:54.775808"...)
	}
	if micros < 0 {
		micros = -micros
	}
	return appendClock(dst, micros)
}
