// Package page says in Markdown, as a picture and as a comparison what runs came to. All
// of it are pure functions of results: the same results give the same bytes.
package page
