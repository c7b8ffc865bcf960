// Package structure holds the budgets of the source code: sizes, names and habits that
// a reader may count on in every package. It has nothing but a test; a budget is
// changed there, with its reason, or the code is.
package lint
