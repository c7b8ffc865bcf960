package config

import (
	"bytes"
	"encoding/json"
)

// Schema returns the JSON Schema (draft 2020-12) of the file, for editors. It follows
// the grammar, but a value with a ${VAR} fits everywhere, as it is not known yet.
func Schema() []byte {
	top := schemaOf(grammar())
	top["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	top["title"] = "humpty.yaml"
	top["patternProperties"] = map[string]any{"^x-": true}
	top["$defs"] = map[string]any{"includes": map[string]any{
		"type": "object", "additionalProperties": schemaOf(includeRule()),
	}}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(top); err != nil {
		return nil // maps of strings, numbers and bools: cannot fail
	}
	return out.Bytes()
}

func schemaOf(r *rule) map[string]any {
	if r.ref != "" {
		return map[string]any{"$ref": "#/$defs/" + r.ref}
	}
	switch r.kind {
	case object:
		return objectSchema(r)
	case names:
		s := map[string]any{"type": "object", "minProperties": r.min, "additionalProperties": schemaOf(r.of)}
		if r.plain {
			s["propertyNames"] = map[string]any{"pattern": plainName.String()}
		}
		return s
	case list:
		return map[string]any{"type": "array", "minItems": r.min, "items": schemaOf(r.of)}
	case words, secret, connection:
		return map[string]any{"type": "string", "minLength": 1}
	case whole:
		return orVariable(map[string]any{"type": "integer", "minimum": r.min})
	case flag:
		return orVariable(map[string]any{"type": "boolean"})
	case duration:
		return orVariable(map[string]any{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`})
	case size:
		return map[string]any{"anyOf": []any{
			map[string]any{"type": "integer", "minimum": 0},
			map[string]any{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)? *([kKmMgGtT]i?)?[bB]?|.*\$\{.*)$`},
		}}
	case percent:
		return orVariable(map[string]any{"type": "string", "pattern": `^(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)%$`})
	case choice:
		return orVariable(map[string]any{"enum": enumOf(r)})
	case either:
		var all []any
		for _, some := range r.any {
			all = append(all, schemaOf(some))
		}
		return map[string]any{"anyOf": all}
	default:
		return map[string]any{}
	}
}

func objectSchema(r *rule) map[string]any {
	properties, required := map[string]any{}, []any{}
	for _, k := range r.keys {
		s := schemaOf(k.rule)
		s["description"] = k.doc
		if k.later != "" {
			s["description"] = k.doc + " Not in this version: " + k.later + "."
		}
		if k.def != "" && k.def != "{}" {
			s["default"] = plain(k.def, k.rule.kind)
		}
		properties[k.name] = s
		if k.required {
			required = append(required, k.name)
		}
	}
	out := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	if !r.needs() {
		out["type"] = []any{"object", "null"}
	}
	if r.one {
		out["minProperties"], out["maxProperties"] = 1, 1
	}
	return out
}

func orVariable(s map[string]any) map[string]any {
	return map[string]any{"anyOf": []any{s, map[string]any{"type": "string", "pattern": `\$\{`}}}
}

func enumOf(r *rule) []any {
	var all []any
	for _, o := range r.choices {
		all = append(all, plain(o.word, r.kind))
	}
	return all
}

// plain turns a default or a word of the grammar into its JSON value.
func plain(word string, k ruleKind) any {
	switch {
	case word == "true", word == "false":
		return word == "true"
	case k == whole:
		return json.Number(word)
	}
	return word
}
