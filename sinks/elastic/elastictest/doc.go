// Package elastictest has what the tests of package elastic share: targets, generations and
// documents on a real server, and a way to speak to it past the code under test.
package elastictest
