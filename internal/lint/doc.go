// Package lint holds what a reader may count on in every package: the sizes of files,
// functions, types and packages, names and habits, and who imports whom. It has nothing but
// tests. A budget or an arrow is changed there, with its reason, or the code is.
package lint
