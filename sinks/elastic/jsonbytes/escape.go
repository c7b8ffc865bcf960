package jsonbytes

// AppendEscaped appends what is between the quotes of a JSON string.
func AppendEscaped(dst, text []byte) []byte {
	const hex = "0123456789abcdef"
	from := 0
	for i, b := range text {
		if b >= ' ' && b != '"' && b != '\\' {
			continue
		}
		dst = append(dst, text[from:i]...)
		if b < ' ' {
			dst = append(dst, '\\', 'u', '0', '0', hex[b>>4], hex[b&15])
		} else {
			dst = append(dst, '\\', b)
		}
		from = i + 1
	}
	return append(dst, text[from:]...)
}
