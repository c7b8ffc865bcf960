// Package pgjson writes PostgreSQL's binary values as JSON, without loss.
//
// An [Encoder] appends the JSON form of one value to a buffer; [Types] knows which encoder
// a type has, as the catalog tells it.
//
// # Types
//
//	PostgreSQL                          JSON
//	bool                                true, false
//	int2, int4, int8, oid               integer
//	numeric                             number, digit for digit, with its scale
//	float4, float8                      number, the shortest that reads back the same
//	text, varchar, char, name, enums    string
//	uuid                                string, lower case
//	bytea                               string, base64
//	date                                "2024-02-29"; years beyond 9999 longer; "0044-03-15 BC"
//	time, timetz                        "12:34:56.789", "12:34:56+02"
//	timestamp                           "2024-02-29T12:00:00.5"
//	timestamptz                         "2024-02-29T12:00:00.5+00:00", always UTC
//	interval                            "1 year 2 mons 3 days 04:05:06.789"
//	json, jsonb                         as it is, without white space between tokens
//	arrays                              array of its elements' forms, nested by dimension
//	domains                             as the type below
//	composites                          object of its attributes' forms
//	NaN, Infinity, infinite dates       by rule: the document is rejected, or null
//	all others                          what the server's to_json says: for ranges and multiranges,
//	                                    inet, cidr, macaddr, bit, point, tsvector, money, xml and
//	                                    unknown types their text as a string; for a type with a
//	                                    cast to json, as hstore, that value
//
// A composite or an array with a part of the last kind is written by to_json as a whole.
package pgjson
