package report

// Pass is where the documents of one pass over the sources ended:
// produced = written + superseded + deleted + rejected.
type Pass struct {
	Pass       string `json:"pass"` // load | catch-up 1, 2, … | afterwards: until the alias serves and beyond
	Produced   int64  `json:"produced"`
	Written    int64  `json:"written"`
	Superseded int64  `json:"superseded"`
	Deleted    int64  `json:"deleted"`
	Rejected   int64  `json:"rejected"`
}
