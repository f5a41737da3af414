// Package trends keeps figures of the last 24 hours in memory, in steps of five minutes, taken
// from the same metrics that monitoring reads. It is for a look at the page; whoever wants to
// keep figures has a Prometheus for it. A restart begins anew.
//
// What is kept is bounded: 288 steps of some 300 bytes.
package trends
