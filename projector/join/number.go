package join

import (
	"math/big"

	"humpty/internal/rawjson"
)

// numericText is the text of a number, or of a text that is a short whole number.
func numericText(v []byte) (string, bool) {
	switch rawjson.Kind(v) {
	case 0:
		return string(v), true
	case '"':
		text, _ := rawjson.Text(v)
		if len(text) == 0 || len(text) > 40 {
			return "", false
		}
		for _, c := range text {
			if c < '0' || c > '9' {
				return "", false
			}
		}
		return string(text), true
	}
	return "", false
}

// compareNumbers compares by value, exactly; one with an exponent too large for that is
// taken for equal, and the caller compares the texts.
func compareNumbers(a, b string) int {
	if a == b {
		return 0
	}
	if len(a) > 100 || len(b) > 100 {
		return 0
	}
	x, _, errX := big.ParseFloat(a, 10, 400, big.ToNearestEven)
	y, _, errY := big.ParseFloat(b, 10, 400, big.ToNearestEven)
	if errX != nil || errY != nil {
		return 0
	}
	return x.Cmp(y)
}
