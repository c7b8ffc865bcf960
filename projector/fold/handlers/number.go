package handlers

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// addNumbers adds two JSON numbers without loss: digits stay, as many decimals as the longer one
// has. An exponent is written out, up to mostDigits.
func addNumbers(a, b []byte) ([]byte, error) {
	if x, err := strconv.ParseInt(string(a), 10, 64); err == nil {
		if y, err := strconv.ParseInt(string(b), 10, 64); err == nil {
			if z := x + y; (z > x) == (y > 0) {
				return strconv.AppendInt(nil, z, 10), nil
			}
		}
	}
	x, scaleX, err := parseDecimal(string(a))
	if err != nil {
		return nil, err
	}
	y, scaleY, err := parseDecimal(string(b))
	if err != nil {
		return nil, err
	}
	scale := max(scaleX, scaleY)
	x.Mul(x, powerOfTen(scale-scaleX))
	y.Mul(y, powerOfTen(scale-scaleY))
	return formatDecimal(x.Add(x, y), scale), nil
}

// mostDigits bounds what an exponent may write out.
const mostDigits = 1000

// parseDecimal is n = value / 10^scale.
func parseDecimal(n string) (value *big.Int, scale int, err error) {
	digits, exponent, _ := strings.Cut(strings.ToLower(n), "e")
	if exponent != "" {
		e, err := strconv.Atoi(exponent)
		if err != nil || e > mostDigits || e < -mostDigits {
			return nil, 0, fmt.Errorf("the exponent of %s is too large", n)
		}
		scale = -e
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	value, ok := new(big.Int).SetString(whole+fraction, 10)
	if !ok {
		return nil, 0, fmt.Errorf("%s is not a number", n)
	}
	if scale += len(fraction); scale < 0 {
		value.Mul(value, powerOfTen(-scale))
		scale = 0
	}
	return value, scale, nil
}

func powerOfTen(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// formatDecimal writes value / 10^scale.
func formatDecimal(value *big.Int, scale int) []byte {
	if scale == 0 {
		return value.Append(nil, 10)
	}
	var dst []byte
	if value.Sign() < 0 {
		dst = append(dst, '-')
	}
	digits := new(big.Int).Abs(value).Text(10)
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	whole := len(digits) - scale
	return append(append(append(dst, digits[:whole]...), '.'), digits[whole:]...)
}
