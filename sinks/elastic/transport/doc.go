// Package transport speaks to one cluster of Elasticsearch 8 and 9 or OpenSearch 2 and 3:
// connections to its nodes in turn, requests that are tried until they have an answer, and
// what an answer other than 2xx means. product.go names what differs between the servers.
//
// What is done with indices and documents is not known here; bulk requests are sent by
// [Client.Perform] and judged by package bulk.
package transport
