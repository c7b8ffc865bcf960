package printable

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// shortest is how many bytes a secret needs to be searched for: a shorter one is found in
// every other word.
const shortest = 4

// hidden stands for a secret.
const hidden = "***"

// Secrets are the values that are hidden in all that is printed. The zero value hides
// nothing; it may be used by several goroutines.
type Secrets struct {
	mu       sync.RWMutex
	forms    []string
	replacer *strings.Replacer
}

// Add hides a value from now on: as it is, as it stands in a URL, in HTML, in JSON, and in base64.
// Values shorter than four bytes are left alone.
func (s *Secrets) Add(value string) {
	if len(value) < shortest {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, form := range forms(value) {
		if len(form) >= shortest && !slices.Contains(s.forms, form) {
			s.forms = append(s.forms, form)
		}
	}
	slices.SortFunc(s.forms, func(a, b string) int { return len(b) - len(a) }) // the longest first: one may hold another
	var pairs []string
	for _, form := range s.forms {
		pairs = append(pairs, form, hidden)
	}
	s.replacer = strings.NewReplacer(pairs...)
}

// forms are how a value may stand in what a peer sends back.
func forms(value string) []string {
	inJSON, _ := json.Marshal(value) // a string: cannot fail
	inURL := url.QueryEscape(value)
	inPath := strings.ReplaceAll(inURL, "+", "%20")
	all := []string{value, inURL, inPath, lowerEscapes(inURL), lowerEscapes(inPath), url.PathEscape(value), html.EscapeString(value), strings.Trim(string(inJSON), `"`), strings.Trim(strconv.Quote(value), `"`)}
	// In base64 a character holds six bits, so a value behind one or two bytes of another one,
	// like the user before a password, looks otherwise. Characters that hold bits of both are
	// left out.
	for before, shared := range []int{0, 2, 3} {
		text := append(make([]byte, before), value...)
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			all = append(all, encoding.EncodeToString(text)[shared:len(text)*8/6])
		}
	}
	return all
}

// lowerEscapes writes the digits of %2F as some servers do.
func lowerEscapes(text string) string {
	parts := strings.Split(text, "%")
	for i, p := range parts {
		if i > 0 && len(p) >= 2 {
			parts[i] = strings.ToLower(p[:2]) + p[2:]
		}
	}
	return strings.Join(parts, "%")
}

// Hide replaces each secret in a text by ***.
func (s *Secrets) Hide(text string) string {
	if s == nil {
		return text
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.replacer == nil {
		return text
	}
	return s.replacer.Replace(text)
}

// HideJSON is Hide within the strings of a JSON text: a number that looks like a secret stays
// a number.
func (s *Secrets) HideJSON(text []byte) []byte {
	var out []byte
	for len(text) > 0 {
		open := slices.Index(text, '"')
		if open < 0 {
			return append(out, text...)
		}
		end := open + 1
		for end < len(text) && text[end] != '"' {
			if text[end] == '\\' {
				end++
			}
			end++
		}
		end = min(end, len(text))
		out = append(append(out, text[:open+1]...), s.Hide(string(text[open+1:end]))...)
		text = text[end:]
		if len(text) > 0 { // the closing quote
			out, text = append(out, '"'), text[1:]
		}
	}
	return out
}
