package canonjson

import (
	"bytes"
	"strconv"
)

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// digits passes over digits and returns them.
func (f *Form) digits() []byte {
	start := f.at
	for f.at < len(f.in) && isDigit(f.in[f.at]) {
		f.at++
	}
	return f.in[start:f.at]
}

// maxExponent is how many digits of an exponent are computed with.
const maxExponent = 17

// number writes the number at hand as sign, digits without zeros at either end, and the
// power of ten where it is not 0.
func (f *Form) number() error {
	start, negative := f.at, f.next() == '-'
	if negative {
		f.at++
	}
	whole := f.digits()
	if len(whole) == 0 || len(whole) > 1 && whole[0] == '0' {
		return f.wrong("a number")
	}
	var fraction, power []byte
	var down bool
	if f.next() == '.' {
		f.at++
		if fraction = f.digits(); len(fraction) == 0 {
			return f.wrong("digits")
		}
	}
	if c := f.next(); c == 'e' || c == 'E' {
		f.at++
		if sign := f.next(); sign == '+' || sign == '-' {
			down = sign == '-'
			f.at++
		}
		if power = f.digits(); len(power) == 0 {
			return f.wrong("digits")
		}
		power = bytes.TrimLeft(power, "0")
	}
	f.decimal(negative, whole, fraction, power, down, f.in[start:f.at])
	return nil
}

func (f *Form) decimal(negative bool, whole, fraction, power []byte, down bool, spelled []byte) {
	if len(power) > maxExponent && len(bytes.Trim(whole, "0"))+len(bytes.Trim(fraction, "0")) > 0 {
		f.out = append(f.out, spelled...)
		return
	}
	var exponent int64
	for _, c := range power[:min(len(power), maxExponent)] {
		exponent = exponent*10 + int64(c-'0')
	}
	if down {
		exponent = -exponent
	}
	begin := len(f.out)
	if negative {
		f.out = append(f.out, '-')
	}
	digits := len(f.out)
	f.out = append(f.out, bytes.TrimLeft(whole, "0")...)
	if len(f.out) == digits {
		f.out = append(f.out, bytes.TrimLeft(fraction, "0")...)
	} else {
		f.out = append(f.out, fraction...)
	}
	exponent -= int64(len(fraction))
	end := len(f.out)
	for end > digits && f.out[end-1] == '0' {
		end--
		exponent++
	}
	f.out = f.out[:end]
	switch {
	case end == digits:
		f.out = append(f.out[:begin], '0')
	case exponent != 0:
		f.out = append(f.out, 'e')
		f.out = strconv.AppendInt(f.out, exponent, 10)
	}
}
