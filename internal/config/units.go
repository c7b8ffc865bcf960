package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// parseSize reads 256MB, 1.5GiB, 4096: decimal units and binary ones.
func parseSize(s string) (int64, error) {
	digits := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	unit, ok := map[string]float64{
		"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
		"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
	}[strings.ToLower(strings.TrimSpace(s[len(digits):]))]
	n, err := strconv.ParseFloat(digits, 64)
	if !ok || err != nil || n < 0 || n*unit > math.MaxInt64/2 {
		return 0, fmt.Errorf("%q is not a size", s)
	}
	return int64(n * unit), nil
}

func (n *node) size() int64 {
	v, _ := parseSize(n.string())
	return v
}

func (n *node) duration() time.Duration {
	v, _ := time.ParseDuration(n.string())
	return v
}
