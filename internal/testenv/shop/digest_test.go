package shop

import (
	"strings"
	"testing"
)

func TestSameValueSameDigest(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{
		{`{"a":1,"b":[true,null]}`, "{ \"b\" : [ true , null ],\n \"a\": 1 }\n"},
		{`"\u00e9\/"`, `"é/"`},
		{`1.50`, `1.5`},
		{`1.5`, `15e-1`},
		{`2.00`, `2`},
		{`-0.0`, `0`},
		{`1e2`, `100`},
		{`12345678901234567890.1234567890`, `12345678901234567890.123456789`},
	} {
		a, b := digestOf(t, pair[0]), digestOf(t, pair[1])
		if a != b {
			t.Errorf("%s and %s differ", pair[0], pair[1])
		}
	}
}

func TestOtherValueOtherDigest(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{
		{`{"a":1}`, `{"a":"1"}`},
		{`{"a":null}`, `{}`},
		{`[1,2]`, `[2,1]`},
		{`[12]`, `[1,2]`},
		{`[]`, `{}`},
		{`null`, `"<nil>"`},
		{`100`, `1`},
		{`0.1`, `0.1000000000000000055511151231257827`},
		{`9007199254740993`, `9007199254740992`},
		{`{"a":{"b":1}}`, `{"a":{},"b":1}`},
		{`"é"`, `"e\u0301"`},
	} {
		if digestOf(t, pair[0]) == digestOf(t, pair[1]) {
			t.Errorf("%s and %s are the same", pair[0], pair[1])
		}
	}
}

func TestNotOneValue(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"a":`:    "not JSON",
		`{} {}`:    "more than one JSON value",
		`{"a":1e}`: "not JSON",
	} {
		if _, err := new(parsedSum).sum([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func digestOf(t *testing.T, text string) digest {
	t.Helper()
	sum, err := new(parsedSum).sum([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return sum
}
